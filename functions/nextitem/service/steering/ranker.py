"""Rank the items of a pool: by the model for a session, or by popularity."""

from collections.abc import Sequence
from math import log
from typing import Protocol

from nextitem.hidden_state import HiddenState
from nextitem.model.engine import Mask, RankedItem
from nextitem.service.serving import RoutedModel
from nextitem.service.steering.pool import Pool


class Ranker(Protocol):
    """Ranks the items of pools, always by the same scores.

    Attributes:
        at_once: the number of items that are ranked together, where their order depends on it; None elsewhere.
    """

    at_once: int | None = None

    def best(self, pool: Pool, exclude: Sequence[int], k: int) -> list[RankedItem]:
        """Return the best items of a pool by descending score.

        Args:
            pool: the items; unavailable ones are left out.
            exclude: indices that must not be returned.
            k: how many; fewer are returned if the pool has no more.
        """
        ...

    def boosted(self, score: float, factor: float) -> float:
        """Return the score of an item whose probability is multiplied by a factor."""
        ...

    def precedence(self, item: RankedItem) -> float:
        """Return by what `best` orders items, from high to low: their scores, unless they are drawn."""
        return item.score


class SessionRanker(Ranker):
    """Ranks by the model's scores for a hidden state, which are logarithms of probabilities."""

    def __init__(self, routed: RoutedModel, hidden: HiddenState, session: Sequence[int]) -> None:
        self._routed, self._hidden, self._session = routed, hidden, session

    def best(self, pool: Pool, exclude: Sequence[int], k: int) -> list[RankedItem]:
        """See `Ranker`."""
        model, items = self._routed.model, self._routed.items
        if pool.listed is not None:
            new_rows = items.new_rows
            return model.rank(self._hidden, pool.listed, exclude, k, self._session, items.unavailable, new_rows)
        left_out = _union(pool.left_out, items.unavailable)
        # An approximate scheme ranks candidates, whose number grows with k. Excluded there, the best items would take
        # the places of others among them; so they are ranked, too, and dropped here.
        dropped = set(exclude)
        ranked = model.top(self._hidden, (), k + len(dropped), self._session, left_out, items.new_rows)
        return [item for item in ranked if item.index not in dropped][:k]

    def boosted(self, score: float, factor: float) -> float:
        """See `Ranker`."""
        return score + log(factor)


class PopularRanker(Ranker):
    """Ranks by the items' share of the training events, which is a probability."""

    def __init__(self, routed: RoutedModel) -> None:
        self._routed = routed

    def best(self, pool: Pool, exclude: Sequence[int], k: int) -> list[RankedItem]:
        """See `Ranker`."""
        unavailable = self._routed.items.unavailable
        if pool.listed is not None:
            return self._routed.model.popular(exclude, k, pool.listed.tolist(), unavailable)
        return self._routed.model.popular(exclude, k, None, _union(pool.left_out, unavailable))

    def boosted(self, score: float, factor: float) -> float:
        """See `Ranker`."""
        return score * factor


def _union(left_out: Mask, unavailable: Mask) -> Mask:
    if not left_out.size or not unavailable.size:
        return left_out if left_out.size else unavailable
    return left_out | unavailable

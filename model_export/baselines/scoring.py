"""Rank the whole catalogue from the scores of a few items.

A baseline scores only the items that it knows something about; all others score 0. Nothing here allocates memory for
the whole catalogue.
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from model_export.metrics.protocol import RankedSession, new_targets, not_ranked
from model_export.metrics.ranking import CUTOFF, mid_rank


class ItemScores(NamedTuple):
    """Scores of some items; every other item of the catalogue scores 0.

    Attributes:
        codes: int[n], distinct item codes.
        scores: float64[n], at least 0; higher is better.
    """

    codes: NDArray[np.integer]
    scores: NDArray[np.float64]

    def without(self, codes: NDArray[np.integer]) -> "ItemScores":
        """Return the scores with those of some items set to 0."""
        others = ~np.isin(self.codes, codes)
        return ItemScores(self.codes[others], self.scores[others])


class Scorer(Protocol):
    """Scores the items of the train catalogue as the next item."""

    @property
    def items(self) -> int:
        """Size of the train catalogue."""

    def score(self, prefix: NDArray[np.int32], /) -> ItemScores:
        """Score the possible next items.

        Args:
            prefix: int32[t], item codes of the session so far, oldest first, t >= 1.
        """


class ScoringRanker:
    """The `Ranker` of a `Scorer`: scores each prefix of a session and ranks the whole catalogue.

    Args:
        scorer: gives the scores.
        current_item: whether the session's last item may be recommended; otherwise it scores 0.
    """

    def __init__(self, scorer: Scorer, *, current_item: bool = True) -> None:
        self._scorer = scorer
        self._current_item = current_item

    def rank(self, session: NDArray[np.int32], _types: NDArray[np.int8] | None = None, /) -> RankedSession:
        """See `model_export.metrics.protocol.Ranker.rank`; the types of events do not count."""
        ranked, items = not_ranked(len(session) - 1), self._scorer.items
        is_new = new_targets(session)
        for step, target in enumerate(session[1:].tolist()):
            scores = self._scorer.score(session[: step + 1])
            if not self._current_item:
                scores = scores.without(session[step : step + 1])
            seen = np.unique(session[: step + 1])
            ranked.with_seen.ranks[step] = sparse_rank(scores, target, items)
            if is_new[step]:
                ranked.without_seen.ranks[step] = sparse_rank(scores.without(seen), target, items - len(seen))
            top = sparse_top(scores, items, CUTOFF + len(seen))
            for view, best in zip(ranked, (top, top[~np.isin(top, seen)]), strict=True):
                view.top[step, : len(best)] = best[:CUTOFF]
        return ranked


def sparse_rank(scores: ItemScores, target: int, items: int) -> float:
    """Return the rank of an item as `ranking.ranks_of_targets` does over all scores.

    Args:
        scores: the scores that are not 0.
        target: code of the item.
        items: size of the catalogue; without some items, scores and size are both without them.
    """
    places = np.flatnonzero(scores.codes == target)
    score = scores.scores[places[0]] if len(places) else 0.0
    better = np.count_nonzero(scores.scores > score)
    ties = np.count_nonzero(scores.scores == score) + (items - len(scores.codes) if score == 0.0 else 0) - 1
    return float(mid_rank(better, ties))


def sparse_top(scores: ItemScores, items: int, k: int) -> NDArray[np.int32]:
    """Return the codes of the best items, best first; of equal scores the lower code comes first.

    Returns:
        int32[k], or of all items where the catalogue is smaller.
    """
    positive = scores.scores > 0.0
    codes, values = scores.codes[positive], scores.scores[positive]
    if len(codes) > k:
        worst = np.partition(values, len(values) - k)[len(values) - k]
        codes, values = codes[values >= worst], values[values >= worst]
    best = codes[np.lexsort((codes, -values))][:k].tolist()
    if len(best) < k:
        taken = set(best)
        best += [code for code in range(min(items, k + len(best))) if code not in taken]
    return np.array(best[:k], dtype=np.int32)

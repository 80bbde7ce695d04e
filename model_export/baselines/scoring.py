"""Rank the whole catalogue from the scores of a few items.

A baseline scores only the items that it knows something about; all others score 0. Nothing here allocates memory for
the whole catalogue.
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from model_export.metrics.protocol import NO_ITEM
from model_export.metrics.ranking import CUTOFF, mid_rank


class ItemScores(NamedTuple):
    """Scores of some items; every other item of the catalogue scores 0.

    Attributes:
        codes: int[n], distinct item codes.
        scores: float64[n], at least 0; higher is better.
    """

    codes: NDArray[np.integer]
    scores: NDArray[np.float64]

    def without(self, code: int) -> "ItemScores":
        """Return the scores with one item's set to 0."""
        others = self.codes != code
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

    def ranks(self, session: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """See `model_export.metrics.protocol.Ranker.ranks`."""
        steps = len(session) - 1
        ranks = np.empty(steps, dtype=np.float64)
        top = np.empty((steps, CUTOFF), dtype=np.int32)
        for step in range(steps):
            scores = self._scorer.score(session[: step + 1])
            if not self._current_item:
                scores = scores.without(int(session[step]))
            ranks[step] = sparse_rank(scores, int(session[step + 1]), self._scorer.items)
            top[step] = sparse_top(scores, self._scorer.items)
        return ranks, top


def sparse_rank(scores: ItemScores, target: int, items: int) -> float:
    """Return the rank of an item as `ranking.ranks_of_targets` does over all scores.

    Args:
        scores: the scores that are not 0.
        target: code of the item.
        items: size of the catalogue.
    """
    places = np.flatnonzero(scores.codes == target)
    score = scores.scores[places[0]] if len(places) else 0.0
    better = np.count_nonzero(scores.scores > score)
    ties = np.count_nonzero(scores.scores == score) + (items - len(scores.codes) if score == 0.0 else 0) - 1
    return float(mid_rank(better, ties))


def sparse_top(scores: ItemScores, items: int) -> NDArray[np.int32]:
    """Return the codes of the best items, best first; of equal scores the lower code comes first.

    Returns:
        int32[CUTOFF], padded with `NO_ITEM` where the catalogue is smaller.
    """
    positive = scores.scores > 0.0
    codes, values = scores.codes[positive], scores.scores[positive]
    if len(codes) > CUTOFF:
        worst = np.partition(values, len(values) - CUTOFF)[len(values) - CUTOFF]
        codes, values = codes[values >= worst], values[values >= worst]
    best = codes[np.lexsort((codes, -values))][:CUTOFF].tolist()
    if len(best) < CUTOFF:
        taken = set(best)
        best += [code for code in range(min(items, CUTOFF + len(best))) if code not in taken]
    top = np.full(CUTOFF, NO_ITEM, dtype=np.int32)
    top[: min(len(best), CUTOFF)] = best[:CUTOFF]
    return top

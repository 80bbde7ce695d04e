"""From scores to ranks: what all baselines share.

A baseline only has to score, for one prefix of a session, the few items that it has anything to say of; this module
turns that into the `Ranker` of the protocol, as if all others had scored 0. Nothing here is as large as the catalogue
times anything. It knows nothing of how the scores come about.
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from model_export.metrics.protocol import NO_ITEM
from model_export.metrics.ranking import CUTOFF, mid_rank


class Scored(NamedTuple):
    """Items with a score; every other item of the catalogue scores 0.

    Attributes:
        codes: int[found], distinct item codes.
        scores: float64[found], at least 0, higher is better.
    """

    codes: NDArray[np.integer]
    scores: NDArray[np.float64]


class Scorer(Protocol):
    """Scores the items of the train catalogue as the next one."""

    @property
    def items(self) -> int:
        """Size of the train catalogue."""

    def scored(self, prefix: NDArray[np.int32]) -> Scored:
        """Score what may come next.

        Args:
            prefix: int32[t], codes of the session so far, oldest first, t >= 1.
        """


class ScoringRanker:
    """The `Ranker` of any `Scorer`: every prefix is scored anew, and the whole catalogue is ranked.

    Args:
        scorer: gives the scores.
        current: whether the session's last item may be recommended; if not, its score is 0.
    """

    def __init__(self, scorer: Scorer, *, current: bool = True) -> None:
        self._scorer = scorer
        self._current = current

    def ranks(self, session: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """See `model_export.metrics.protocol.Ranker.ranks`."""
        steps = len(session) - 1
        ranks = np.empty(steps, dtype=np.float64)
        top = np.empty((steps, CUTOFF), dtype=np.int32)
        for step in range(steps):
            found = self._scorer.scored(session[: step + 1])
            if not self._current:
                found = without(found, int(session[step]))
            ranks[step] = sparse_rank(found, int(session[step + 1]), self._scorer.items)
            top[step] = sparse_top(found, self._scorer.items)
        return ranks, top


def without(found: Scored, code: int) -> Scored:
    """Return the scores without one item's."""
    others = found.codes != code
    return Scored(found.codes[others], found.scores[others])


def sparse_rank(found: Scored, target: int, items: int) -> float:
    """Rank of one item as `ranking.ranks_of_targets` gives it, all items without a score having 0.

    Args:
        found: the scores.
        target: code of the item.
        items: size of the catalogue.
    """
    at = np.flatnonzero(found.codes == target)
    score = found.scores[at[0]] if len(at) else 0.0
    better = np.count_nonzero(found.scores > score)
    ties = np.count_nonzero(found.scores == score) + (items - len(found.codes) if score == 0.0 else 0) - 1
    return float(mid_rank(better, ties))


def sparse_top(found: Scored, items: int, depth: int = CUTOFF) -> NDArray[np.int32]:
    """Codes of the best items as `protocol.top_codes` gives them, all items without a score having 0."""
    positive = found.scores > 0.0
    codes, scores = found.codes[positive], found.scores[positive]
    if len(codes) > depth:
        worst = np.partition(scores, len(scores) - depth)[len(scores) - depth]
        codes, scores = codes[scores >= worst], scores[scores >= worst]
    best = codes[np.lexsort((codes, -scores))][:depth].tolist()
    if len(best) < depth:
        taken = set(best)
        best += [code for code in range(min(items, depth + len(best))) if code not in taken]
    top = np.full(depth, NO_ITEM, dtype=np.int32)
    top[: min(len(best), depth)] = best[:depth]
    return top

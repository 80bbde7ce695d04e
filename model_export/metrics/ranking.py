"""Define the rank of a target, and the metrics of ranks: HR (hit rate), MRR (mean reciprocal rank) and NDCG.

A target is the item of the next event. Its rank is 1 + the items that score higher + half of the other items that
score the same: the mean of the places that it takes when ties are broken at random, as in
``scipy.stats.rankdata(-scores, method="average")``. A rank between k and k + 1 is a miss at k.

Reason for half of the ties: where a target wins its ties, a ranker that scores all items the same is perfect; where it
loses them, neighbour methods lose most, because many of their scores are equal. The engine lists the lower item code
first, but item codes follow the item ids, and a metric must not depend on names.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

CUTOFF = 20
"""The k of HR@k and MRR@k wherever a single k is needed."""

MRR_WEIGHT = 2.0
"""MRR@20 is about half of HR@20: with this weight, a relative change of either moves the objective alike."""

Floats = NDArray[np.float64]


class Accuracy(NamedTuple):
    """HR@20 and MRR@20, each from 0 to 1."""

    hr: float
    mrr: float

    @property
    def objective(self) -> float:
        """The value that training and the session memory maximise: HR@20 + 2 MRR@20."""
        return self.hr + MRR_WEIGHT * self.mrr


def mid_rank(better: ArrayLike, tied: ArrayLike) -> Floats:
    """Return ranks from counts.

    Args:
        better: how many items score higher than the target.
        tied: how many other items score the same.

    Example:
        >>> mid_rank(better=[0, 3], tied=[0, 5]).tolist()
        [1.0, 6.5]
    """
    return 1.0 + np.asarray(better, np.float64) + np.asarray(tied, np.float64) / 2.0


def ranks_of_targets(scores: NDArray[np.floating], targets: ArrayLike) -> Floats:
    """Return the rank of one item per row.

    Args:
        scores: [..., items], higher is better; no target scores NaN.
        targets: int[...], each target's place in its row.
    """
    own = np.take_along_axis(scores, np.expand_dims(targets, -1), axis=-1)
    return mid_rank((scores > own).sum(axis=-1), (scores == own).sum(axis=-1) - 1)


def rank_in_list(items: ArrayLike, scores: NDArray[np.floating], target: int) -> float:
    """Return the rank of an item in a list of distinct items; infinity if the list does not hold it.

    Args:
        items: int[n].
        scores: [n], in any order.
        target: the item.
    """
    places = np.flatnonzero(np.asarray(items) == target)
    return float(ranks_of_targets(scores, places[0])) if len(places) else np.inf


def hits(ranks: Floats, k: int = CUTOFF) -> Floats:
    """Return 1 for each rank up to k and 0 beyond, float64[targets]; the mean is HR@k."""
    return (ranks <= k).astype(np.float64)


def reciprocal_ranks(ranks: Floats, k: int = CUTOFF) -> Floats:
    """Return 1 / rank up to k and 0 beyond, float64[targets]; the mean is MRR@k."""
    return np.where(ranks <= k, 1.0 / ranks, 0.0)


def discounted_gains(ranks: Floats, k: int = CUTOFF) -> Floats:
    """Return 1 / log2(1 + rank) up to k and 0 beyond, float64[targets]; the mean is NDCG@k with one relevant item."""
    return np.where(ranks <= k, 1.0 / np.log2(1.0 + ranks), 0.0)


def accuracy(ranks: Floats) -> Accuracy:
    """Return HR@20 and MRR@20 of ranks, float64[targets] with at least one; infinity is a miss."""
    return Accuracy(float(hits(ranks).mean()), float(reciprocal_ranks(ranks).mean()))

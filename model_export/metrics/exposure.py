"""Popularity bias: whether a ranker shows what is popular anyway, and how unevenly it shows the catalogue."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Exposure:
    """What the top 20 of a ranker show.

    Attributes:
        popularity: mean training events of the items shown.
        percentile: mean share of the catalogue that is less popular than an item shown, ties counted half; 0 to 1.
        gini: how unevenly the catalogue is shown; 0: each item as often as any other, 1: one item only.
    """

    popularity: float
    percentile: float
    gini: float


def exposure(shown: Counts, train_counts: Counts) -> Exposure:
    """Return the popularity of what was shown.

    Args:
        shown: int64[items], how often each item was shown, or was the target; at least once any.
        train_counts: int64[items], events of each item in train.
    """
    ordered = np.sort(train_counts)
    below = np.searchsorted(ordered, train_counts, "left")
    up_to = np.searchsorted(ordered, train_counts, "right")
    percentile = (below + up_to - 1) / 2 / max(len(train_counts) - 1, 1)
    return Exposure(
        popularity=float(np.average(train_counts, weights=shown)),
        percentile=float(np.average(percentile, weights=shown)),
        gini=gini(shown),
    )


def gini(counts: Counts) -> float:
    """Gini coefficient of counts, at least one of them above 0."""
    ordered = np.sort(counts).astype(np.float64)
    places = np.arange(1, len(ordered) + 1)
    return float((2 * places - len(ordered) - 1) @ ordered / (len(ordered) * ordered.sum()))

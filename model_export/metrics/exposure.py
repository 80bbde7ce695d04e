"""Measure popularity bias: how popular the recommended items are, and how unevenly the catalogue is recommended."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Exposure:
    """Popularity and concentration of some items.

    Attributes:
        popularity: mean number of training events of the items.
        percentile: mean share of the catalogue that is less popular than the item, ties counted half; 0 to 1.
        gini: concentration; 0 if each item of the catalogue occurs equally often, near 1 if a single item does.
    """

    popularity: float
    percentile: float
    gini: float


def exposure(occurrences: Counts, train_counts: Counts) -> Exposure:
    """Return the exposure of items.

    Args:
        occurrences: int64[items], how often each item was shown, or was the target; not all are 0.
        train_counts: int64[items], events of each item in train.
    """
    ordered = np.sort(train_counts)
    below = np.searchsorted(ordered, train_counts, "left")
    up_to = np.searchsorted(ordered, train_counts, "right")
    percentile = (below + up_to - 1) / 2 / max(len(train_counts) - 1, 1)
    return Exposure(
        popularity=float(np.average(train_counts, weights=occurrences)),
        percentile=float(np.average(percentile, weights=occurrences)),
        gini=gini(occurrences),
    )


def gini(counts: Counts) -> float:
    """Return the Gini coefficient of counts, not all of them 0."""
    ordered = np.sort(counts).astype(np.float64)
    places = np.arange(1, len(ordered) + 1)
    return float((2 * places - len(ordered) - 1) @ ordered / (len(ordered) * ordered.sum()))

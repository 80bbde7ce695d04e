"""Sequential rules: which items followed the last one in train, and how closely.

After Kamehkhosh, Jannach and Ludewig, "A Comparison of Frequent Pattern Techniques and a Deep
Learning Method for Session-Based Recommendation" (RecTemp at RecSys 2017). It knows nothing of the
session but its last item.
"""

import math

import numpy as np
from numpy.typing import NDArray

from model_export.sessions import Sessions

MAX_DISTANCE = 10
"""Events between the two items of a rule; the paper's and the reference implementation's setting."""


UNIT = math.lcm(*range(1, MAX_DISTANCE + 1))
"""Divisible by every distance."""


class SequentialRules:
    """Scores j after i by the sum of 1 / distance over each i before j in a train session.

    Counted in whole multiples of 1 / `UNIT`, so that equal sums are equal and ties are ties.
    """

    def __init__(self, train: Sessions, max_distance: int = MAX_DISTANCE) -> None:
        self._items = len(train.catalogue)
        owners = np.repeat(np.arange(len(train)), train.lengths)
        codes = train.codes.astype(np.int64)
        pairs: list[NDArray[np.int64]] = []
        weights: list[NDArray[np.float64]] = []
        for distance in range(1, max_distance + 1):
            together = owners[:-distance] == owners[distance:]
            rule = codes[:-distance] * self._items + codes[distance:]
            pairs.append(rule[together])
            weights.append(np.full(len(pairs[-1]), float(UNIT // distance)))
        rules, which = np.unique(np.concatenate(pairs), return_inverse=True)
        self._weights = np.bincount(which, weights=np.concatenate(weights), minlength=len(rules))
        self._followers = rules % self._items
        # Rules are sorted by their first item, so each item's rules are one slice.
        self._starts = np.searchsorted(rules // self._items, np.arange(self._items + 1))

    def scores(self, prefix: NDArray[np.int32]) -> NDArray[np.float64]:
        """float64[items]; 0 for items that never followed the last one."""
        last = int(prefix[-1])
        rules = slice(self._starts[last], self._starts[last + 1])
        scores = np.zeros(self._items)
        scores[self._followers[rules]] = self._weights[rules] / UNIT
        return scores

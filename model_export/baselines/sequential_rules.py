"""Sequential rules: which items followed the last one in train, and how closely.

After Kamehkhosh, Jannach and Ludewig, "A Comparison of Frequent Pattern Techniques and a Deep
Learning Method for Session-Based Recommendation" (RecTemp at RecSys 2017). It knows nothing of the
session but its last item.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.baselines.scoring import Scored
from model_export.data.sessions import Sessions


@dataclass(frozen=True)
class SequentialRulesConfig:
    """Settings of sequential rules."""

    max_distance: int = 10
    """Most events between the two items of a rule, the later one included; the paper's setting."""


class SequentialRules:
    """Scores j after i by the sum of 1 / distance over each i before j in a train session.

    Counted in whole multiples of a common denominator, so that equal sums are equal and ties are ties.
    """

    def __init__(self, train: Sessions, config: SequentialRulesConfig | None = None) -> None:
        reach = (config or SequentialRulesConfig()).max_distance
        unit = math.lcm(*range(1, reach + 1))
        self.items = len(train.catalogue)
        owners = np.repeat(np.arange(len(train)), train.lengths)
        codes = train.codes.astype(np.int64)
        pairs: list[NDArray[np.int64]] = []
        weights: list[NDArray[np.float64]] = []
        for distance in range(1, reach + 1):
            together = owners[:-distance] == owners[distance:]
            rule = codes[:-distance] * self.items + codes[distance:]
            pairs.append(rule[together])
            weights.append(np.full(len(pairs[-1]), float(unit // distance)))
        rules, which = np.unique(np.concatenate(pairs), return_inverse=True)
        self._weights = np.bincount(which, weights=np.concatenate(weights), minlength=len(rules)) / unit
        self._followers = rules % self.items
        # Rules are sorted by their first item, so each item's rules are one slice.
        self._starts = np.searchsorted(rules // self.items, np.arange(self.items + 1))

    def scored(self, prefix: NDArray[np.int32]) -> Scored:
        """See `Scorer.scored`; the items that ever followed the last one."""
        last = int(prefix[-1])
        rules = slice(self._starts[last], self._starts[last + 1])
        return Scored(self._followers[rules], self._weights[rules])

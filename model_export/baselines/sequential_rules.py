"""Sequential rules: recommend the items that followed the current item in train, the closest first.

Kamehkhosh, Jannach and Ludewig, "A Comparison of Frequent Pattern Techniques and a Deep Learning Method for
Session-Based Recommendation" (RecTemp at RecSys 2017).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.baselines.scoring import ItemScores
from model_export.data.sessions import Sessions


@dataclass(frozen=True)
class SequentialRulesConfig:
    """Settings of sequential rules."""

    max_distance: int = 10
    """Maximum distance in events between the two items of a rule; 10 in the paper."""


class SequentialRules:
    """Scores j after i by the sum of 1 / distance over each i before j in a train session.

    Sums are whole multiples of 1 / (a common denominator), so that equal sums are equal as floats and tie.
    """

    def __init__(self, train: Sessions, config: SequentialRulesConfig) -> None:
        distances = range(1, config.max_distance + 1)
        denominator = math.lcm(*distances)
        self.items = len(train.catalogue)
        owners = np.repeat(np.arange(len(train)), train.lengths)
        codes = train.codes.astype(np.int64)
        pairs: list[NDArray[np.int64]] = []
        weights: list[NDArray[np.float64]] = []
        for distance in distances:
            same_session = owners[:-distance] == owners[distance:]
            pairs.append((codes[:-distance] * self.items + codes[distance:])[same_session])
            weights.append(np.full(len(pairs[-1]), float(denominator // distance)))
        rules, groups = np.unique(np.concatenate(pairs), return_inverse=True)
        self._weights = np.bincount(groups, weights=np.concatenate(weights), minlength=len(rules)) / denominator
        self._followers = rules % self.items
        # Rules are sorted by their first item, so the rules of an item are one slice.
        self._starts = np.searchsorted(rules // self.items, np.arange(self.items + 1))

    def score(self, prefix: NDArray[np.int32], /) -> ItemScores:
        """See `Scorer.score`; scores the items that followed the last one in train."""
        last = int(prefix[-1])
        rules = slice(self._starts[last], self._starts[last + 1])
        return ItemScores(self._followers[rules], self._weights[rules])

"""SKNN and V-SKNN: recommend the items of the most similar recent sessions.

Ludewig and Jannach, "Evaluation of Session-based Recommendation Algorithms" (UMUAI 2018). SKNN takes the cosine of two
sessions as sets, and a neighbour votes for each of its items with its similarity. V-SKNN ("vector multiplication")
weights the current session's events by age: in the similarity, and in a neighbour's vote by the newest shared item.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from model_export.baselines.neighbours import (
    Floats,
    NeighbourConfig,
    NeighbourItems,
    Neighbours,
    inverse_document_frequency,
    sum_by_group,
)
from model_export.baselines.session_index import Candidates, Ints, SessionIndex

Decay = Literal["none", "linear", "reciprocal", "share"]

LINEAR_STEP = 0.1
"""Linear decay per event of age; the weight is 0 from age 10 on."""


@dataclass(frozen=True)
class VsknnConfig(NeighbourConfig):
    """Settings of V-SKNN."""

    weighting: Decay = "linear"
    """Decay of the current session's events in the similarity."""
    vote_weighting: Decay = "linear"
    """Decay of a neighbour's vote by the age of its newest match."""
    idf: bool = False
    """True if a vote is multiplied by ln(train sessions / sessions that hold the item)."""


class Sknn(Neighbours):
    """Cosine of sessions as sets."""

    def __init__(self, index: SessionIndex, config: NeighbourConfig) -> None:
        super().__init__(index, config)
        self._root = np.sqrt(index.distinct)

    def similarity(self, candidates: Candidates) -> Floats:
        """See `Neighbours.similarity`."""
        shared = np.bincount(candidates.owners, minlength=len(candidates.sessions))
        cosine: Floats = shared / (self._root[candidates.sessions] * np.sqrt(candidates.distinct))
        return cosine

    def vote_weights(self, items: NeighbourItems) -> Floats:
        """See `Neighbours.vote_weights`."""
        return np.ones(len(items.codes))


class Vsknn(Neighbours):
    """Events of the current session weighted by age."""

    def __init__(self, index: SessionIndex, config: VsknnConfig) -> None:
        super().__init__(index, config)
        self._config = config
        self._idf = inverse_document_frequency(index) if config.idf else np.ones(index.items)

    def similarity(self, candidates: Candidates) -> Floats:
        """See `Neighbours.similarity`."""
        weights = decay_weights(self._config.weighting, candidates.ages, candidates.length)
        similarity: Floats = sum_by_group(candidates.owners, weights, len(candidates.sessions)) / candidates.distinct
        return similarity

    def vote_weights(self, items: NeighbourItems) -> Floats:
        """See `Neighbours.vote_weights`."""
        by_neighbour = decay_weights(self._config.vote_weighting, items.match_ages + 1, 0)
        weights: Floats = by_neighbour[items.owners] * self._idf[items.codes]
        return weights


def decay_weights(decay: Decay, ages: Ints, length: int) -> Floats:
    """Return the weight of events by age, float64 of the same shape.

    Args:
        decay: ``linear``: 1 - 0.1 x age, ``reciprocal``: 1 / age (from 1 on), ``share``: the event's place over the
            session's length, ``none``: 1.
        ages: number of newer events.
        length: events of the session, for ``share``.
    """
    age = ages.astype(np.float64)
    match decay:
        case "linear":
            return np.maximum(1.0 - LINEAR_STEP * age, 0.0)
        case "reciprocal":
            return 1.0 / np.maximum(age, 1.0)
        case "share":
            return (length - age) / length
        case "none":
            return np.ones(len(age))

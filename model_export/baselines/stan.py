"""STAN: neighbour sessions weighted by the age of events and sessions, and by the distance of items.

Garg, Gupta, Malhotra, Vig and Shroff, "Sequence and Time Aware Neighborhood for Session-based Recommendations"
(SIGIR 2019):

1. similarity of a candidate = sum of exp(-age of the event / `session_decay`) over the shared items
   / sqrt(distinct items of both), times exp(-age of the candidate / `age_days`);
2. its vote for an item = similarity * exp(-places between it and the newest shared item / `place_decay`).

A candidate's age is counted from the newest candidate: another origin multiplies all similarities by one number and
changes no order. Where times are only an order, a candidate's age does not count.
"""

import math
from dataclasses import dataclass

import numpy as np

from model_export.baselines.neighbours import Floats, NeighbourConfig, NeighbourItems, Neighbours, sum_by_group
from model_export.baselines.session_index import Candidates, SessionIndex

DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class StanConfig(NeighbourConfig):
    """Settings of STAN; an infinite decay has no effect."""

    k: int = 200
    session_decay: float = 2.0
    """Decay of the current session's events, in events."""
    age_days: float = 80.0
    """Decay of the age of the neighbour, in days."""
    place_decay: float = 2.0
    """Decay of the distance to the matching item, in places of the neighbour."""


class Stan(Neighbours):
    """The STAN baseline.

    Args:
        index: the train sessions.
        config: settings.
        is_epoch: whether times are a calendar's.
    """

    def __init__(self, index: SessionIndex, config: StanConfig, *, is_epoch: bool = True) -> None:
        super().__init__(index, config)
        self._config = config
        self._root = np.sqrt(index.distinct)
        self._age_seconds = config.age_days * DAY_SECONDS if is_epoch else math.inf
        self._ends = index.ends

    def similarity(self, candidates: Candidates) -> Floats:
        """See `Neighbours.similarity`."""
        weights = np.exp(-candidates.ages / self._config.session_decay)
        shared = sum_by_group(candidates.owners, weights, len(candidates.sessions))
        ends = self._ends[candidates.sessions]
        similarity: Floats = shared / (self._root[candidates.sessions] * np.sqrt(candidates.distinct))
        similarity *= np.exp((ends - ends.max()) / self._age_seconds)
        return similarity

    def vote_weights(self, items: NeighbourItems) -> Floats:
        """See `Neighbours.vote_weights`."""
        distance = np.abs(items.places - items.match_places[items.owners])
        weights: Floats = np.exp(-distance / self._config.place_decay)
        return weights

"""STAN: neighbour sessions weighted by how new events and sessions are, and by how near items stand.

After Garg, Gupta, Malhotra, Vig and Shroff, "Sequence and Time Aware Neighborhood for Session-based Recommendations"
(SIGIR 2019). With the session's event i events before its newest:

1. similarity of a candidate = sum of exp(-i / `session_decay`) over the shared items
   / sqrt(distinct items of both), times exp(-age of the candidate / `age_days`);
2. its vote for an item = similarity * exp(-places between it and the newest shared item / `place_decay`).

Age is counted from the newest candidate: from any other moment it would multiply all by one number, which changes no
order. Where times are only an order, age does not count.
"""

import math
from dataclasses import dataclass

import numpy as np

from model_export.baselines.neighbours import Floats, Neighbours, totals
from model_export.baselines.session_index import Candidates, Ints, SessionIndex

DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class StanConfig:
    """Settings of STAN; an infinite decay is none."""

    m: int = 1000
    """Candidates: the most recent sessions that share an item."""
    k: int = 200
    """Neighbours: the most similar candidates."""
    session_decay: float = 2.0
    """In events of the session."""
    age_days: float = 80.0
    """In days."""
    place_decay: float = 2.0
    """In distinct places of the neighbour."""


class Stan(Neighbours):
    """See the module.

    Args:
        index: the train sessions.
        config: settings.
        is_epoch: whether times are a calendar's.
    """

    def __init__(self, index: SessionIndex, config: StanConfig | None = None, *, is_epoch: bool = True) -> None:
        self._config = config or StanConfig()
        super().__init__(index, self._config.m, self._config.k)
        self._root = np.sqrt(index.distinct)
        self._age = self._config.age_days * DAY_SECONDS if is_epoch else math.inf
        self._ends = index.ends

    def similarity(self, found: Candidates, length: int, distinct: int) -> Floats:  # noqa: ARG002 - counts distinct items
        """See `Neighbours.similarity`."""
        weights = np.exp(-found.back / self._config.session_decay)
        shared = totals(found.which, weights, len(found.sessions))
        ends = self._ends[found.sessions]
        similarity: Floats = shared / (self._root[found.sessions] * np.sqrt(distinct))
        similarity *= np.exp((ends - ends.max()) / self._age)
        return similarity

    def votes(self, newest_match: Ints, owners: Ints, codes: Ints, places: Ints, matched: Ints) -> Floats:  # noqa: ARG002 - places alone count
        """See `Neighbours.votes`."""
        votes: Floats = np.exp(-np.abs(places - matched[owners]) / self._config.place_decay)
        return votes

"""Recall the items of training sessions that are similar to the current session, each with its votes.

1. For each of the newest events (a repeated item once), the newest training sessions that hold its item are candidates.
2. A candidate's similarity is the sum of the weights of the shared events, times its own weight.
3. The most similar candidates are the neighbours. Of equal ones, the one found by the newer event comes first, then the
   newer session.
4. A neighbour votes for its items; votes decay with the distance from the newest shared event.
5. The current item's votes are scaled by the blend (`Blend.repeat_votes`).

Computed in float32 and in this order, like the score graph, so that ties are the same in both.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from model_export.memory.config import MemoryConfig
from model_export.memory.index import MemoryIndex

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Memory:
    """An index and the settings of its recall."""

    index: MemoryIndex
    config: MemoryConfig

    @cached_property
    def event_weights(self) -> Floats:
        """float32[events], the weight of an event by its age (number of newer events)."""
        weights: Floats = np.exp(-self.config.event_decay * np.arange(self.config.events)).astype(np.float32)
        return weights

    @cached_property
    def item_weights(self) -> Floats:
        """float32[items], the weight of a shared item."""
        weights: Floats = np.power(self.index.item_rarity, self.config.rarity).astype(np.float32)
        return weights

    @cached_property
    def distance_weights(self) -> Floats:
        """float32[2 * session_events - 1], the weight of a vote by its distance; distance 0 is in the middle."""
        distance = np.arange(1 - self.config.session_events, self.config.session_events)
        decay = np.where(distance > 0, self.config.after * (distance - 1), self.config.before * -distance)
        weights: Floats = np.exp(-decay).astype(np.float32)
        return weights

    def votes(self, session: NDArray[np.int32]) -> tuple[NDArray[np.int64], Floats]:
        """Return the recalled items and their votes, before the blend scales those of the newest event's item.

        Args:
            session: int32[n], item codes, oldest first.

        Returns:
            int64[m], items in ascending order, and float32[m], their votes, each above 0.
        """
        index, config = self.index, self.config
        sessions, similarity, match_places = self._candidates(session)
        nearest = np.argsort(-similarity, kind="stable")[: config.neighbours]
        strength = similarity[nearest] ** np.float32(config.sharpness)
        slots, owners = _concatenated_ranges(index.session_starts, sessions[nearest])
        codes = index.session_items[slots]
        distance = index.session_positions[slots].astype(np.int64) - match_places[nearest][owners]
        weights = self.distance_weights[distance + config.session_events - 1]
        votes = strength[owners] * weights * index.item_rarity[codes]
        items, groups = np.unique(codes.astype(np.int64), return_inverse=True)
        sums = np.zeros(len(items), np.float32)
        np.add.at(sums, groups, votes)
        positive = np.flatnonzero(sums > 0)
        best = np.sort(positive[np.argsort(-sums[positive], kind="stable")[: config.recalled]])
        return items[best], sums[best]

    def _candidates(self, session: NDArray[np.int32]) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64]]:
        """Return the sessions that share an item, their similarity, and the place in them of the newest shared item."""
        index = self.index
        newest_first = session[::-1][: self.config.events]
        firsts = np.sort(np.unique(newest_first, return_index=True)[1])
        items = newest_first[firsts]
        weights = self.event_weights[firsts] * self.item_weights[items]
        slots, owners = _concatenated_ranges(index.item_starts, items.astype(np.int64))
        sessions = index.item_sessions[slots]
        distinct, first, groups = np.unique(sessions, return_index=True, return_inverse=True)
        similarity = np.zeros(len(distinct), np.float32)
        np.add.at(similarity, groups, weights[owners])
        order = np.argsort(first, kind="stable")
        distinct, first = sessions[first[order]], first[order]
        similarity = similarity[order] * index.session_weights[distinct]
        return (
            distinct.astype(np.int64),
            similarity.astype(np.float32),
            index.item_positions[slots[first]].astype(np.int64),
        )


def _concatenated_ranges(
    starts: NDArray[np.int32], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the slots of the chosen ranges, one after another, and the index into `chosen` of each slot."""
    first = starts[chosen].astype(np.int64)
    lengths = starts[chosen + 1] - first
    owners = np.repeat(np.arange(len(chosen)), lengths)
    return np.arange(len(owners)) + np.repeat(first - (np.cumsum(lengths) - lengths), lengths), owners

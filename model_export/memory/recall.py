"""Recall: a session so far -> the items that similar sessions held, each with its share of their votes.

1. Each of the newest events, repeated items once, asks for the newest sessions that hold its item.
2. A session's similarity is the sum of the weights of the events it shares, times its own weight.
3. The most similar ones are neighbours; of equal ones first the one found by the newer event, then the newer one.
4. A neighbour votes for its items, the less the further they are from the newest event that both share.
5. The item of the visitor's newest event gets its own share of its votes (`Blend.repeat_votes`).

What equals what is decided in float32 and in this order, for the score graph does the same.
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
    """An index, and how it is asked."""

    index: MemoryIndex
    config: MemoryConfig

    @cached_property
    def event_weights(self) -> Floats:
        """float32[events], the weight of an event by how many are newer."""
        weights: Floats = np.exp(-self.config.event_decay * np.arange(self.config.events)).astype(np.float32)
        return weights

    @cached_property
    def item_weights(self) -> Floats:
        """float32[items], the weight of an item that sessions share."""
        weights: Floats = np.power(self.index.item_rarity, self.config.rarity).astype(np.float32)
        return weights

    @cached_property
    def distance_weights(self) -> Floats:
        """float32[2 * session_events - 1], the weight of a vote by its distance, the middle one being 0."""
        distance = np.arange(1 - self.config.session_events, self.config.session_events)
        loss = np.where(distance > 0, self.config.after * (distance - 1), self.config.before * -distance)
        weights: Floats = np.exp(-loss).astype(np.float32)
        return weights

    def votes(self, session: NDArray[np.int32]) -> tuple[NDArray[np.int64], Floats]:
        """Return what is recalled, before the newest event's item is weighed.

        Args:
            session: int32[n], item codes, oldest first.

        Returns:
            int64[m] items in ascending order and their votes, float32[m], each above 0.
        """
        index, config = self.index, self.config
        sessions, similarity, shared = self._candidates(session)
        nearest = np.argsort(-similarity, kind="stable")[: config.neighbours]
        strength = similarity[nearest] ** np.float32(config.sharpness)
        slots, rows = _ranges(index.session_starts, sessions[nearest])
        items = index.session_items[slots]
        distance = index.session_positions[slots].astype(np.int64) - shared[nearest][rows]
        votes = strength[rows] * self.distance_weights[distance + config.session_events - 1] * index.item_rarity[items]
        found, which = np.unique(items.astype(np.int64), return_inverse=True)
        sums = np.zeros(len(found), np.float32)
        np.add.at(sums, which, votes)
        voted = np.flatnonzero(sums > 0)
        best = np.sort(voted[np.argsort(-sums[voted], kind="stable")[: config.recalled]])
        return found[best], sums[best]

    def _candidates(self, session: NDArray[np.int32]) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64]]:
        """Sessions that share an event, their similarity, and the place in them of the newest event shared."""
        index = self.index
        newest_first = session[::-1][: self.config.events]
        firsts = np.sort(np.unique(newest_first, return_index=True)[1])
        items = newest_first[firsts]
        weights = self.event_weights[firsts] * self.item_weights[items]
        slots, rows = _ranges(index.item_starts, items.astype(np.int64))
        sessions = index.item_sessions[slots]
        distinct, first, which = np.unique(sessions, return_index=True, return_inverse=True)
        similarity = np.zeros(len(distinct), np.float32)
        np.add.at(similarity, which, weights[rows])
        order = np.argsort(first, kind="stable")
        distinct, first = sessions[first[order]], first[order]
        similarity = similarity[order] * index.session_weights[distinct]
        return (
            distinct.astype(np.int64),
            similarity.astype(np.float32),
            index.item_positions[slots[first]].astype(np.int64),
        )


def _ranges(starts: NDArray[np.int32], chosen: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Slots of some ranges one after another, and which of the chosen each belongs to."""
    first = starts[chosen].astype(np.int64)
    lengths = starts[chosen + 1] - first
    rows = np.repeat(np.arange(len(chosen)), lengths)
    return np.arange(len(rows)) + np.repeat(first - (np.cumsum(lengths) - lengths), lengths), rows

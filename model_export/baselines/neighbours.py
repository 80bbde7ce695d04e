"""Score items by the votes of the k most similar train sessions: the common part of the neighbour baselines.

A subclass defines the similarity of a candidate and the weight of a neighbour's vote for an item.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.baselines.scoring import ItemScores
from model_export.baselines.session_index import Candidates, Ints, SessionIndex

Floats = NDArray[np.float64]

SIMILARITY_DECIMALS = 9
"""Similarities that are equal to so many decimals are ties."""


class NeighbourItems(NamedTuple):
    """The distinct items of all neighbours, and the newest item that each neighbour shares with the current session.

    Attributes:
        owners: int64[n], the neighbour that holds each item.
        codes: int64[n], the items.
        places: int64[n], each item's last place in its neighbour.
        match_ages: int64[neighbours], number of events newer than the newest shared item, in the current session.
        match_places: int64[neighbours], the place of that item in the neighbour.
    """

    owners: Ints
    codes: Ints
    places: Ints
    match_ages: Ints
    match_places: Ints


@dataclass(frozen=True)
class NeighbourConfig:
    """Settings of all neighbour baselines."""

    m: int = 1000
    """Candidates: the most recent sessions that share an item."""
    k: int = 100
    """Neighbours: the most similar candidates."""


class Neighbours(ABC):
    """A baseline by nearest sessions: the k most similar of the m most recent sessions that share an item.

    Args:
        index: the train sessions.
        config: m and k.
        window: number of newest events of the current session that count; None for all.
    """

    def __init__(self, index: SessionIndex, config: NeighbourConfig, window: int | None = None) -> None:
        self.items = index.items
        self._index = index
        self._m, self._k, self._window = config.m, config.k, window

    @abstractmethod
    def similarity(self, candidates: Candidates) -> Floats:
        """Return the similarity of each candidate, float64[candidates], above 0."""

    @abstractmethod
    def vote_weights(self, items: NeighbourItems) -> Floats:
        """Return the share of its neighbour's similarity that each item gets, float64[n]."""

    def score(self, prefix: NDArray[np.int32]) -> ItemScores:
        """See `Scorer.score`."""
        newest_first = (prefix if self._window is None else prefix[-self._window :])[::-1].tolist()
        candidates = self._index.candidates(newest_first, self._m)
        similarity = self.similarity(candidates)
        # Equal similarities may differ by the order of their sums. Rounded, the more recent session comes first.
        nearest = np.lexsort((-candidates.sessions, -np.round(similarity, SIMILARITY_DECIMALS)))[: self._k]
        items = self._items(candidates, nearest, np.asarray(newest_first))
        votes = similarity[nearest][items.owners] * self.vote_weights(items)
        codes, groups = np.unique(items.codes, return_inverse=True)
        return ItemScores(codes, sum_by_group(groups, votes, len(codes)))

    def _items(self, candidates: Candidates, nearest: Ints, newest_first: Ints) -> NeighbourItems:
        ages = np.full(len(candidates.sessions), len(newest_first))
        np.minimum.at(ages, candidates.owners, candidates.ages)
        match_ages = ages[nearest]
        owners, codes, places = self._index.events(candidates.sessions[nearest])
        is_match = codes == newest_first[match_ages][owners]
        match_places = np.empty(len(nearest), dtype=np.int64)
        match_places[owners[is_match]] = places[is_match]
        return NeighbourItems(owners, codes, places, match_ages, match_places)


def sum_by_group(groups: Ints, weights: Floats, size: int) -> Floats:
    """Return the sum of the weights of each group, float64[size]."""
    sums: Floats = np.bincount(groups, weights=weights, minlength=size)  # type: ignore[assignment]  # typed as counts
    return sums


def inverse_document_frequency(index: SessionIndex) -> Floats:
    """Return ln(train sessions / train sessions that hold the item), float64[items]."""
    idf: Floats = np.log(index.sessions / np.maximum(index.holders, 1).astype(np.float64))
    return idf

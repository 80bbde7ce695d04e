"""What the neighbour baselines share: candidates, the k nearest of them, and one vote for each item that they hold.

Each baseline says how similar a candidate is and what a neighbour's vote for an item weighs; see the modules of their
names. Knows nothing of files, metrics or serving.
"""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from model_export.baselines.scoring import Scored
from model_export.baselines.session_index import Candidates, Ints, SessionIndex

Floats = NDArray[np.float64]


class Neighbours(ABC):
    """A baseline by nearest sessions: the k most similar of the m most recent ones that share an item.

    Args:
        index: the train sessions.
        m: candidates.
        k: neighbours.
        window: newest events of the session that count; None for all.
    """

    def __init__(self, index: SessionIndex, m: int, k: int, window: int | None = None) -> None:
        self.items = index.items
        self._index = index
        self._m, self._k, self._window = m, k, window

    @abstractmethod
    def similarity(self, found: Candidates, length: int, distinct: int) -> Floats:
        """How similar each candidate is, float64[candidates], above 0.

        Args:
            found: the candidates.
            length: events of the session so far, within the window.
            distinct: distinct items among them.
        """

    @abstractmethod
    def votes(self, newest_match: Ints, owners: Ints, codes: Ints, places: Ints, matched: Ints) -> Floats:
        """What each item that a neighbour holds gets of the neighbour's similarity, float64[events].

        Args:
            newest_match: int64[neighbours], how many events before the newest the newest shared item stands.
            owners: int64[events], which neighbour holds the item.
            codes: int64[events], the item.
            places: int64[events], its last place in the neighbour.
            matched: int64[neighbours], the place of the newest shared item in the neighbour.
        """

    def scored(self, prefix: NDArray[np.int32]) -> Scored:
        """See `Scorer.scored`."""
        recent = prefix if self._window is None else prefix[-self._window :]
        newest_first = recent[::-1].tolist()
        found = self._index.candidates(newest_first, self._m)
        similarity = self.similarity(found, len(newest_first), len(set(newest_first)))
        nearest = np.lexsort((-found.sessions, -similarity))[: self._k]
        newest = np.full(len(found.sessions), len(newest_first))
        np.minimum.at(newest, found.which, found.back)
        newest_match = newest[nearest]
        owners, codes, places = self._index.events(found.sessions[nearest])
        matched = np.empty(len(nearest), dtype=np.int64)
        shared = codes == np.asarray(newest_first)[newest_match][owners]
        matched[owners[shared]] = places[shared]
        weights = similarity[nearest][owners] * self.votes(newest_match, owners, codes, places, matched)
        held, which = np.unique(codes, return_inverse=True)
        return Scored(held, totals(which, weights, len(held)))


def totals(which: Ints, weights: Floats, size: int) -> Floats:
    """Sum of weights by what they belong to, float64[size]."""
    sums: Floats = np.bincount(which, weights=weights, minlength=size)  # type: ignore[assignment]  # typed as counts
    return sums

"""Train sessions by item, the newest first: what every neighbour baseline looks its neighbours up in.

A session is called by its recency here: 0 is the one that ended first. Knows no similarity and no score.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import Sessions

Ints = NDArray[np.int64]


class Candidates(NamedTuple):
    """The most recent sessions that share an item with a session so far, and what they share.

    Attributes:
        sessions: int64[candidates], by recency, the oldest first.
        which: int64[matches], index into `sessions`: whose match it is.
        back: int64[matches], how many events before the newest the matched item stands, at its newest place.
    """

    sessions: Ints
    which: Ints
    back: Ints


class SessionIndex:
    """The distinct items of each train session, and the sessions that hold each item."""

    def __init__(self, train: Sessions) -> None:
        self.items = len(train.catalogue)
        self.sessions = len(train)
        lasts = train.times[train.offsets[1:] - 1]
        oldest_first = np.lexsort((np.arange(len(train)), lasts))
        self.ends = lasts[oldest_first]
        """float64[sessions], the time of each session's last event."""
        recency = np.empty(len(train), dtype=np.int64)
        recency[oldest_first] = np.arange(len(train))
        owners = np.repeat(recency, train.lengths)
        places = np.arange(len(train.codes)) - np.repeat(train.offsets[:-1], train.lengths)
        # Read backwards, the first of each item that np.unique finds is its last place in the session.
        held, last = np.unique((owners * self.items + train.codes)[::-1], return_index=True)
        sessions, self._held = held // self.items, held % self.items
        self._places = places[::-1][last]
        self._starts = np.searchsorted(sessions, np.arange(len(train) + 1))
        by_item = np.lexsort((-sessions, self._held))
        self._holders = sessions[by_item]
        self._item_starts = np.searchsorted(self._held[by_item], np.arange(self.items + 1))

    @property
    def distinct(self) -> Ints:
        """int64[sessions], distinct items of each session."""
        return np.diff(self._starts)

    @property
    def holders(self) -> Ints:
        """int64[items], how many sessions hold each item."""
        return np.diff(self._item_starts)

    def candidates(self, newest_first: list[int], m: int) -> Candidates:
        """Find the m most recent sessions that share an item with these.

        Args:
            newest_first: item codes of the session so far, at least one; a repeated one counts at its newest place.
            m: at most so many sessions.
        """
        places: dict[int, int] = {}
        for back, item in enumerate(newest_first):
            places.setdefault(item, back)
        # The m most recent of all holders are among the m most recent of each item.
        slices = [self._item_starts[item : item + 2].tolist() for item in places]
        holders = [self._holders[start : min(stop, start + m)] for start, stop in slices]
        backs = np.repeat(np.fromiter(places.values(), np.int64), [len(found) for found in holders])
        sessions, which = np.unique(np.concatenate(holders), return_inverse=True)
        first = max(0, len(sessions) - m)
        kept = which >= first
        return Candidates(sessions[first:], which[kept] - first, backs[kept])

    def events(self, sessions: Ints) -> tuple[Ints, Ints, Ints]:
        """Return the distinct items of some sessions, one after another.

        Returns:
            For each item held: the index into `sessions`, its code, and its last place in that session.
        """
        starts = self._starts[sessions]
        lengths = self._starts[sessions + 1] - starts
        firsts = np.cumsum(lengths) - lengths
        owners = np.repeat(np.arange(len(sessions)), lengths)
        events = np.arange(lengths.sum()) + (starts - firsts)[owners]
        return owners, self._held[events], self._places[events]

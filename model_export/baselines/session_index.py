"""Index train sessions by item, the newest session first.

A session is identified by its recency: 0 is the session that ended first.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import Sessions

Ints = NDArray[np.int64]


class Candidates(NamedTuple):
    """The most recent train sessions that share an item with the current session, and their matches.

    Attributes:
        sessions: int64[candidates], by recency, the oldest first.
        owners: int64[matches], index into `sessions` of each match.
        ages: int64[matches], number of events of the current session that are newer than the shared item's newest.
        length: events of the current session.
        distinct: distinct items among them.
    """

    sessions: Ints
    owners: Ints
    ages: Ints
    length: int
    distinct: int


class SessionIndex:
    """The distinct items of each train session, and the sessions of each item."""

    def __init__(self, train: Sessions) -> None:
        self.items = len(train.catalogue)
        self.sessions = len(train)
        ends = train.times[train.offsets[1:] - 1]
        oldest_first = np.lexsort((np.arange(len(train)), ends))
        self.ends = ends[oldest_first]
        """float64[sessions], the time of each session's last event."""
        recency = np.empty(len(train), dtype=np.int64)
        recency[oldest_first] = np.arange(len(train))
        owners = np.repeat(recency, train.lengths)
        places = np.arange(len(train.codes)) - np.repeat(train.offsets[:-1], train.lengths)
        # np.unique returns the first occurrence; in reversed order that is an item's last place in its session.
        distinct, last = np.unique((owners * self.items + train.codes)[::-1], return_index=True)
        sessions, self._codes = distinct // self.items, distinct % self.items
        self._places = places[::-1][last]
        self._starts = np.searchsorted(sessions, np.arange(len(train) + 1))
        by_item = np.lexsort((-sessions, self._codes))
        self._holders = sessions[by_item]
        self._item_starts = np.searchsorted(self._codes[by_item], np.arange(self.items + 1))
        self.distinct: Ints = np.diff(self._starts)
        """int64[sessions], number of distinct items of each session."""
        self.holders: Ints = np.diff(self._item_starts)
        """int64[items], number of sessions that hold each item."""

    def candidates(self, newest_first: list[int], m: int) -> Candidates:
        """Find the m most recent sessions that share an item with the current session.

        Args:
            newest_first: item codes of the current session, at least one; a repeated item counts at its newest place.
            m: maximum number of candidates.
        """
        ages: dict[int, int] = {}
        for age, item in enumerate(newest_first):
            ages.setdefault(item, age)
        # The m most recent of all holders are among the m most recent of each item.
        slices = [self._item_starts[item : item + 2].tolist() for item in ages]
        holders = [self._holders[start : min(stop, start + m)] for start, stop in slices]
        match_ages = np.repeat(np.fromiter(ages.values(), np.int64), [len(sessions) for sessions in holders])
        sessions, owners = np.unique(np.concatenate(holders), return_inverse=True)
        first = max(0, len(sessions) - m)
        kept = owners >= first
        return Candidates(sessions[first:], owners[kept] - first, match_ages[kept], len(newest_first), len(ages))

    def events(self, sessions: Ints) -> tuple[Ints, Ints, Ints]:
        """Return the distinct items of some sessions, concatenated.

        Returns:
            For each item: the index into `sessions`, its code, and its last place in that session.
        """
        starts = self._starts[sessions]
        lengths = self._starts[sessions + 1] - starts
        firsts = np.cumsum(lengths) - lengths
        owners = np.repeat(np.arange(len(sessions)), lengths)
        events = np.arange(lengths.sum()) + (starts - firsts)[owners]
        return owners, self._codes[events], self._places[events]

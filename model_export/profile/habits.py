"""Count the events of a training or of a window in the same way: no repeats, only sessions of two or more events."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import MIN_SESSION_EVENTS, Sessions

LENGTHS = (2, 3, 4, 5, 6, 8, 11, 16, 26)
"""The shortest session, in events, of each bin of the histogram of lengths; the last bin is open."""
HOURS = 24
HOUR_SECONDS = 3_600

Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Habits:
    """How the sessions of a period are distributed.

    Attributes:
        items: int64[catalogue], events of each item.
        types: int64[types], events of each type.
        lengths: int64[`LENGTHS`], sessions by their number of events.
        hours: int64[24], events by hour of the day in UTC; empty if the times are only a running index.
        unknown: share of the events of the last days whose item the days before did not have, float64[].
    """

    items: Counts
    types: Counts
    lengths: Counts
    hours: Counts
    unknown: NDArray[np.float64]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays by name, to be saved."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def counted(sessions: Sessions) -> Sessions:
    """Return sessions without repeats of the item and type right before, and without those of fewer than two events.

    A profile may come from events that were cleaned, and the lake has them as they were sent: counted this way, both
    have the same lengths and shares.
    """
    owners = np.repeat(np.arange(len(sessions)), sessions.lengths)
    first = np.ones(len(owners), np.bool_)
    first[1:] = (
        (owners[1:] != owners[:-1])
        | (sessions.codes[1:] != sessions.codes[:-1])
        | (sessions.type_codes[1:] != sessions.type_codes[:-1])
    )
    counts = np.bincount(owners[first], minlength=len(sessions))
    long_enough = counts >= MIN_SESSION_EVENTS
    kept = first & long_enough[owners]
    return replace(
        sessions,
        codes=sessions.codes[kept],
        offsets=np.concatenate(([0], np.cumsum(counts[long_enough]))).astype(np.int64),
        times=sessions.times[kept],
        rows=sessions.rows[kept],
        ids=[sessions.ids[index] for index in np.flatnonzero(long_enough).tolist()],
        type_codes=sessions.type_codes[kept],
    )


def length_bins(sessions: Sessions) -> NDArray[np.int64]:
    """Return the bin of each session's length, int64[sessions]; no session has fewer than two events."""
    return np.searchsorted(LENGTHS, sessions.lengths, side="right") - 1


def hour_bins(sessions: Sessions) -> NDArray[np.int64]:
    """Return each event's hour of the day in UTC, int64[events], of sessions with real times."""
    hours: NDArray[np.int64] = (sessions.times // HOUR_SECONDS).astype(np.int64) % HOURS
    return hours


def habits_of(sessions: Sessions, unknown: float) -> Habits:
    """Return the habits of sessions.

    Args:
        sessions: as they were read; `counted` is applied.
        unknown: see `Habits`.
    """
    counting = counted(sessions)
    hours = hour_bins(counting) if counting.is_epoch else np.empty(0, np.int64)
    return Habits(
        items=np.bincount(counting.codes, minlength=len(counting.catalogue)),
        types=np.bincount(counting.type_codes, minlength=len(counting.types)),
        lengths=np.bincount(length_bins(counting), minlength=len(LENGTHS)),
        hours=np.bincount(hours, minlength=HOURS) if counting.is_epoch else hours,
        unknown=np.array(unknown, np.float64),
    )


def unknown_share(later: Sessions, known: Sequence[str]) -> float:
    """Return the share of the events of later sessions whose item is in no earlier one; 0 without later events."""
    if not len(later.codes):
        return 0.0
    earlier = set(known)
    is_unknown = np.array([item not in earlier for item in later.catalogue], np.bool_)
    return float(is_unknown[later.codes].mean())

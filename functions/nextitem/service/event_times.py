"""Read the times of a request's events, correct the client's clock, and put the events in order.

The order is that of the times as sent. Only then are impossible times replaced, so that a wrong clock cannot change
the order of events inside a request.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec

OLDEST_MS = 946_684_800_000
"""2000-01-01 in epoch milliseconds: an earlier time comes from a clock that was never set."""

_UNIT_LIMITS = ((1e11, 1e-3), (1e14, 1), (1e17, 1e3), (float("inf"), 1e6))
"""Numbers below each limit count so many units a millisecond: seconds (to the year 5138), milliseconds (from 1973),
microseconds and nanoseconds. `nextitem train` reads the times of its data by the same limits."""

_LAST = 9_000_000_000_000_000_000
"""The largest number that is a time, in nanoseconds: it is in the year 2255."""
_Number = msgspec.Meta(ge=-_LAST, le=_LAST)
Time = datetime | Annotated[int, _Number] | Annotated[float, _Number]
"""RFC 3339 text, decoded (UTC without a zone), or an epoch number in any unit of `_UNIT_LIMITS`."""


def place_in_time(times: Sequence[Time | None], sent_at: Time | None, now: int) -> list[tuple[int, int | None]]:
    """Return each event's position in the request and its time, in order of occurrence.

    A time is epoch milliseconds, or None for "now, after all stored events": the event has no time, or one after `now`.
    A time before 2000 is replaced by that of the next event.

    Args:
        times: the events' times by the client's clock, in the order of the request.
        sent_at: when the request was sent, by the same clock; None if unknown. `now` less this is added to each time.
        now: epoch milliseconds.

    Example:
        ``place_in_time([1_800_000_000, 1_799_999_999], None, now=1_800_000_000_000)`` is
        ``[(1, 1_799_999_999_000), (0, 1_800_000_000_000)]``.
    """
    skew = 0.0 if sent_at is None else now - _milliseconds(sent_at)
    sent = [float("inf") if time is None else _milliseconds(time) + skew for time in times]
    placed: list[tuple[int, int | None]] = []
    following = None
    for place in sorted(range(len(sent)), key=sent.__getitem__)[::-1]:
        if sent[place] >= OLDEST_MS:
            following = round(sent[place]) if sent[place] <= now else None
        placed.append((place, following))
    return placed[::-1]


def _milliseconds(time: Time) -> float:
    """Return epoch milliseconds."""
    if isinstance(time, datetime):
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000
    return time / next(units for limit, units in _UNIT_LIMITS if abs(time) < limit)

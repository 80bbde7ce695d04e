"""Read the times of a request's events, correct the client's clock, and put the events in order.

The order is that of the times as sent. Only then are impossible times replaced, so that a wrong clock cannot change
the order of events inside a request.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

import msgspec

OLDEST_MS = 946_684_800_000
"""2000-01-01 in epoch milliseconds: an earlier time comes from a clock that was never set."""

_NANOSECONDS = 1_000_000
"""Nanoseconds of a millisecond."""
_UNIT_POWERS = ((10**11, 9), (10**14, 6), (10**17, 3))
"""A number below each limit times 10 to this power is nanoseconds. Such numbers are seconds (to the year 5138),
milliseconds (from 1973) and microseconds; larger ones are nanoseconds. `nextitem train` reads the times of its data by
the same limits."""

_LAST = 9_000_000_000_000_000_000
"""The largest number that is a time, in nanoseconds: it is in the year 2255."""
_Number = msgspec.Meta(ge=-_LAST, le=_LAST)

_NOT_BY_4 = "(?:[02468][1235679]|[13579][01345789])"
"""Two digits that 4 does not divide."""
TIME_PATTERN = (
    r"^(?!0000|.{5}(?:02-3|(?:0[2469]|11)-31))"
    rf"(?!(?:..{_NOT_BY_4}|{_NOT_BY_4}00)-02-29)"
    "[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"[Tt ](?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}(?:\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?\Z"
)
"""RFC 3339 text of a date that exists. A `datetime` has only microseconds: rounding could change the order."""
Time = Annotated[str, msgspec.Meta(pattern=TIME_PATTERN)] | Annotated[int, _Number] | Annotated[float, _Number]
"""RFC 3339 text (UTC without a zone), or an epoch number in any unit of `_UNIT_POWERS`."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TO_THE_SECOND = len("2027-01-15T08:00:00")
_FRACTION = re.compile(r"\.([0-9]+)")


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
    sent = [_nanoseconds(time) if time is not None else Decimal("inf") for time in times]
    skew = 0 if sent_at is None else now * _NANOSECONDS - _nanoseconds(sent_at)
    placed: list[tuple[int, int | None]] = []
    following = None
    for place in sorted(range(len(sent)), key=sent.__getitem__)[::-1]:
        milliseconds = (sent[place] + skew) / Decimal(_NANOSECONDS)
        if milliseconds >= OLDEST_MS:
            following = round(milliseconds) if milliseconds <= now else None
        placed.append((place, following))
    return placed[::-1]


def _nanoseconds(time: Time) -> int | Decimal:
    """Return epoch nanoseconds, exactly as sent; of a float, the shortest decimal number that reads as this float."""
    if isinstance(time, str):
        fraction = _FRACTION.match(time, _TO_THE_SECOND)
        zone = time[fraction.end() if fraction else _TO_THE_SECOND :]
        moment = msgspec.convert(time[:_TO_THE_SECOND] + zone, datetime)
        seconds = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(seconds=1)
        return Decimal(f"{seconds}E9") + (Decimal(f"0{fraction[0]}E9") if fraction else 0)
    power = next((power for limit, power in _UNIT_POWERS if abs(time) < limit), 0)
    return time * 10**power if isinstance(time, int) else Decimal(repr(time)).scaleb(power)

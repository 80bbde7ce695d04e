"""The times of visits, and of the looks at items within them.

More visits begin at some hours of the day than at others, and every visit ends within the period.
"""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from math import isfinite

from model_export.simulator.chance import Chance

HOUR = 3600.0
DAY = 24 * HOUR

START = 1_767_225_600.0
"""2026-01-01T00:00:00Z, the default start of the traffic."""
DAYS = 14.0
"""Default length of the period."""
MIN_DAYS = 0.125
"""Minimum length of a period: the last visit needs time to end."""
MAX_TIME = 253_402_300_799.0
"""The last second of the year 9999, where most date types end."""

_CLOSING = HOUR
"""No visit begins within this many seconds of the period's end."""
_DIGITS = 3
"""Times are whole milliseconds."""

_HOURLY = (2, 1, 1, 1, 1, 2, 3, 5, 6, 6, 6, 6, 7, 6, 6, 6, 7, 8, 10, 11, 12, 10, 7, 4)
"""Relative number of visits that begin in each hour of the day: low at night, high after work."""
_BEFORE_HOUR = (0, *accumulate(_HOURLY))
_PER_DAY = _BEFORE_HOUR[-1]

_DWELL = (2.0, 4.0, 7.0, 11.0, 16.0, 23.0, 33.0, 48.0, 75.0, 130.0, 300.0)
"""Deciles of the seconds spent on an item."""
_PAUSE = (300.0, 600.0, 1200.0)
"""Minimum, median and maximum seconds of a pause: always under the usual session gap of 30 minutes."""
_PAUSE_PROBABILITY = 0.015


@dataclass(frozen=True, slots=True)
class Period:
    """The time that contains all visits of a run.

    Attributes:
        start: epoch seconds; the shop's day begins here.
        days: length, also fractional.

    Raises:
        ValueError: if it is not finite, shorter than MIN_DAYS, or outside 1970 to 9999.
    """

    start: float
    days: float

    def __post_init__(self) -> None:
        if not (isfinite(self.days) and self.days >= MIN_DAYS):
            raise ValueError(f"days must be at least {MIN_DAYS}, not {self.days}")
        if not (self.start >= 0 and self.end <= MAX_TIME):
            raise ValueError(f"{self.days} days from {self.start} do not lie in 1970 to 9999")

    @property
    def end(self) -> float:
        """Epoch seconds at which the period is over."""
        return self.start + self.days * DAY

    def visit(self, index: int, count: int, length: int, chance: Chance) -> tuple[float, ...]:
        """Return the times of the items of visit `index` of `count`.

        Visits begin in the order of their index, each in its own `1 / count` of the traffic, so that its times do not
        depend on other visits.

        Returns:
            Epoch seconds in whole milliseconds, ascending, `length` of them.
        """
        begin = self.opening((index + chance.part()) / count)
        gaps = [chance.quantile(_PAUSE if chance.happens(_PAUSE_PROBABILITY) else _DWELL) for _ in range(length - 1)]
        offsets = tuple(accumulate(gaps, initial=0.0))
        # A late visit is compressed to end a second before the period does, as a margin for rounding.
        pace = min(1.0, (self.end - 1 - begin) / offsets[-1])
        return tuple(round(begin + pace * offset, _DIGITS) for offset in offsets)

    def opening(self, part: float) -> float:
        """Return the time before which `part` (0 to 1) of all visits begin."""
        traffic = part * _traffic_until(self.days * DAY - _CLOSING)
        day, rest = divmod(traffic, _PER_DAY)
        hour = bisect_right(_BEFORE_HOUR, rest) - 1
        within = (rest - _BEFORE_HOUR[hour]) / _HOURLY[hour]
        return self.start + day * DAY + (hour + within) * HOUR


def _traffic_until(seconds: float) -> float:
    """Return the relative number of visits that begin in the first `seconds` of a period."""
    day, rest = divmod(seconds, DAY)
    # Midnight less one bit rounds up to hour 24.
    hour = min(int(rest / HOUR), len(_HOURLY) - 1)
    return day * _PER_DAY + _BEFORE_HOUR[hour] + _HOURLY[hour] * (rest / HOUR - hour)

"""The split by time: a model learns from the earlier sessions and is evaluated on the later ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import Sessions
from nextitem.errors import InputError

DAY_SECONDS = 86_400

PLAUSIBLE_SHARE = 0.1
"""Share of a typical day's sessions that a day needs to be the last one."""
LATEST_SHARE = 0.1
"""Share of sessions, the last to start, that go to test where no days can be counted."""
ONLY_AN_ORDER = "times are only an order"
NO_DAYS = "0 test days"


@dataclass(frozen=True)
class Split:
    """Sessions split by time.

    Attributes:
        train: the earlier sessions.
        test: the later ones; their items need not occur in train.
        cutoff: start of the test period, in the unit of `Sessions.times`.
        by: the rule, in words.
    """

    train: Sessions
    test: Sessions
    cutoff: float
    by: str


def split_by_time(sessions: Sessions, test_days: int) -> Split:
    """Give the sessions that start in the last `test_days` UTC calendar days to test.

    The last day is the last one with a plausible number of sessions, see `last_day`; later sessions are test too.
    Where times are only a running index, the last sessions by start go to test, as in `split_latest`.

    Raises:
        InputError: `test_days` is below 1, or train or test would be empty.
    """
    if test_days < 1:
        raise InputError(f"a test period must have at least 1 day, not {test_days}")
    if len(sessions) == 0:
        raise InputError("there are no sessions to split")
    if not sessions.is_epoch:
        return split_latest(sessions, ONLY_AN_ORDER)
    starts = sessions.starts
    days, counts = np.unique((starts // DAY_SECONDS).astype(np.int64), return_counts=True)
    cutoff, by = period_of_test(dict(zip(days.tolist(), counts.tolist(), strict=True)), test_days)
    return _split(sessions, starts >= cutoff, cutoff, by)


def split_latest(sessions: Sessions, because: str) -> Split:
    """Give the last `LATEST_SHARE` of the sessions by start to test; of equal starts, the file's first are earlier.

    Args:
        sessions: the sessions.
        because: why no days are counted, for `Split.by`.

    Raises:
        InputError: train or test would be empty.
    """
    starts = sessions.starts
    count, by = latest_sessions(len(sessions), because)
    latest = np.argsort(starts, kind="stable")[-count:]
    in_test = np.zeros(len(sessions), dtype=np.bool_)
    in_test[latest] = True
    return _split(sessions, in_test, float(starts[latest[0]]), by)


def period_of_test(sessions_by_day: Mapping[int, int], test_days: int) -> tuple[float, str]:
    """Return the second at which the last `test_days` UTC days begin, and the rule in words.

    Args:
        sessions_by_day: number of sessions by the day on which they start, in days since 1970.
        test_days: number of days.
    """
    last = last_day(sessions_by_day)
    first = last - test_days + 1
    later = sum(count for day, count in sessions_by_day.items() if day > last)
    by = f"the sessions that start on the last {test_days} UTC days ({_day(first)} to {_day(last)})"
    return float(first * DAY_SECONDS), by + (f", and {later:,} that start later" if later else "")


def last_day(sessions_by_day: Mapping[int, int]) -> int:
    """Return the last day with at least `PLAUSIBLE_SHARE` of a typical day's sessions.

    A typical day is that of the median session. So a few sessions with wrong clocks move nothing, on however many days.
    """
    return max(_plausible(sessions_by_day))


def first_day(sessions_by_day: Mapping[int, int]) -> int:
    """Return the first such day."""
    return min(_plausible(sessions_by_day))


def _plausible(sessions_by_day: Mapping[int, int]) -> list[int]:
    sizes = sorted(sessions_by_day.values())
    typical = next(size for size, below in zip(sizes, accumulate(sizes), strict=True) if 2 * below >= sum(sizes))
    return [day for day, size in sessions_by_day.items() if size >= PLAUSIBLE_SHARE * typical]


def latest_sessions(sessions: int, because: str) -> tuple[int, str]:
    """Return the size of `LATEST_SHARE` of the sessions, at least 1, and the rule in words."""
    by = f"the last {LATEST_SHARE:.0%} of sessions by start ({because})"
    return max(1, round(sessions * LATEST_SHARE)), by


def empty_side(side: str, by: str) -> InputError:
    """Return the error for a split that leaves train or test without sessions."""
    return InputError(f"the split leaves {side} empty: test would be {by}; choose other days or add sessions")


def _split(sessions: Sessions, in_test: NDArray[np.bool_], cutoff: float, by: str) -> Split:
    for side, empty in (("train", in_test.all()), ("test", not in_test.any())):
        if empty:
            raise empty_side(side, by)
    return Split(
        train=sessions.subset(np.flatnonzero(~in_test)),
        test=sessions.subset(np.flatnonzero(in_test)),
        cutoff=cutoff,
        by=by,
    )


def _day(number: int) -> str:
    return date.fromordinal(max(number + date(1970, 1, 1).toordinal(), 1)).isoformat()

"""Train and test by time: a model may only learn from what was there before it is judged.

This module knows nothing of models and metrics, and of files only whom to ask to write them.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_export.data.eventfile import write_files
from model_export.data.sessions import Sessions
from nextitem.errors import InputError

DAY_SECONDS = 86_400

LATEST_SHARE = 0.1
"""Share of sessions, the last to start, that go to test where no days can be counted."""


@dataclass(frozen=True)
class Split:
    """Sessions split by time.

    Attributes:
        train: the earlier sessions.
        test: the later ones; their items need not occur in train.
        cutoff: start of the test period, in the unit of `Sessions.times`.
        by: what test is, in words.
    """

    train: Sessions
    test: Sessions
    cutoff: float
    by: str


def split_by_time(sessions: Sessions, test_days: int) -> Split:
    """Give the sessions that start in the last `test_days` UTC calendar days to test.

    The day of the last session start is the last day. Without a calendar (`is_epoch` False) days
    mean nothing, and the last sessions by start go to test, as in `split_latest`.

    Raises:
        InputError: when `test_days` is below 1, or train or test would be empty.
    """
    if test_days < 1:
        raise InputError(f"a test period must have at least 1 day, not {test_days}")
    if len(sessions) == 0:
        raise InputError("there are no sessions to split")
    if not sessions.is_epoch:
        return split_latest(sessions, "times are only an order")
    starts = sessions.starts
    last_day = int(starts.max() // DAY_SECONDS)
    first_day = last_day - test_days + 1
    cutoff = float(first_day * DAY_SECONDS)
    by = f"the sessions that start on the last {test_days} UTC days ({_day(first_day)} to {_day(last_day)})"
    return _cut(sessions, starts >= cutoff, cutoff, by)


def split_latest(sessions: Sessions, because: str) -> Split:
    """Give the last `LATEST_SHARE` of the sessions by start to test; of equal starts, the file's first are earlier.

    Args:
        sessions: what to split.
        because: why no days are counted, for `Split.by`.

    Raises:
        InputError: when train or test would be empty.
    """
    starts = sessions.starts
    latest = np.argsort(starts, kind="stable")[-max(1, round(len(sessions) * LATEST_SHARE)) :]
    in_test = np.zeros(len(sessions), dtype=np.bool_)
    in_test[latest] = True
    by = f"the last {LATEST_SHARE:.0%} of sessions by start ({because})"
    return _cut(sessions, in_test, float(starts[latest[0]]), by)


def _cut(sessions: Sessions, in_test: NDArray[np.bool_], cutoff: float, by: str) -> Split:
    for side, empty in (("train", in_test.all()), ("test", not in_test.any())):
        if empty:
            raise InputError(f"the split leaves {side} empty: test would be {by}")
    return Split(
        train=sessions.subset(np.flatnonzero(~in_test)),
        test=sessions.subset(np.flatnonzero(in_test)),
        cutoff=cutoff,
        by=by,
    )


def write_split(split: Split, train_path: Path, test_path: Path) -> None:
    """Write both sides as event files; both appear, or none.

    Raises:
        InputError: when a file cannot be written, or both are the same.
    """
    if train_path == test_path:  # one key of a mapping, so that `write_files` could not see it
        raise InputError(f"{train_path} is to be written twice, give each part a name of its own")
    write_files({train_path: split.train, test_path: split.test})


def _day(number: int) -> str:
    return date.fromordinal(max(number + date(1970, 1, 1).toordinal(), 1)).isoformat()

"""The command that plants the faults. `make mutants` runs it."""

import os
import signal
import time

import pytest

from tests.planted_faults.__main__ import is_found, wait_for_any
from tests.planted_faults.catalogue import Fault

FAULT = Fault("file.py", "old", "new", ("test.py",))


@pytest.mark.parametrize(
    ("code", "expected"), [(0, False), (1, True), (2, True), (-signal.SIGKILL, True), (-signal.SIGABRT, True)]
)
def test_failed_tests_and_a_death_by_a_signal_find_a_fault(code: int, expected: bool) -> None:
    assert is_found(FAULT, code) is expected


def test_tests_whose_time_is_over_are_killed_and_others_waited_for() -> None:
    # GIVEN a process that ignores every signal that it can and never ends, and one that ends
    hangs, ends = (
        os.spawnlp(os.P_NOWAIT, "sh", "sh", "-c", text)  # noqa: S606 - no object may wait for them, as Popen does
        for text in ("trap '' ALRM TERM; while :; do sleep 1; done", "exit 1")
    )
    now = time.monotonic()
    # WHEN one waits for them THEN both end, and count as found
    statuses = dict(wait_for_any([pid], {hangs: now, ends: now + 60}) for pid in (hangs, ends))
    assert {pid: os.waitstatus_to_exitcode(status) for pid, status in statuses.items()} == {hangs: -9, ends: 1}
    assert all(is_found(FAULT, os.waitstatus_to_exitcode(status)) for status in statuses.values())


@pytest.mark.parametrize("code", [3, 4, 5], ids=["internal error", "usage error", "no tests"])
def test_a_failure_of_pytest_itself_ends_the_command(code: int) -> None:
    with pytest.raises(SystemExit, match=f"status {code}"):
        is_found(FAULT, code)

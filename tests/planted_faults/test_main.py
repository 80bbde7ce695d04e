"""The command that plants the faults. `make mutants` runs it."""

import signal

import pytest

from tests.planted_faults.__main__ import is_found
from tests.planted_faults.catalogue import Fault

FAULT = Fault("file.py", "old", "new", ("test.py",))


@pytest.mark.parametrize(
    ("code", "expected"), [(0, False), (1, True), (2, True), (-signal.SIGALRM, True), (-signal.SIGABRT, True)]
)
def test_failed_tests_and_a_death_by_a_signal_find_a_fault(code: int, expected: bool) -> None:
    assert is_found(FAULT, code) is expected


@pytest.mark.parametrize("code", [3, 4, 5], ids=["internal error", "usage error", "no tests"])
def test_a_failure_of_pytest_itself_ends_the_command(code: int) -> None:
    with pytest.raises(SystemExit, match=f"status {code}"):
        is_found(FAULT, code)

"""Commands beside a drill: their output, their errors, and an end however much they write."""

import os
import sys
import time

import pytest

from bench.drill.command import ERROR_LINES, REFUSED, Command, CommandFailed

PATIENCE_SECONDS = 20.0


def started(program: str) -> Command:
    return Command([sys.executable, "-c", program], os.environ)


def test_a_command_that_is_only_polled_ends_however_much_it_writes() -> None:
    command = started("import sys; sys.stderr.write('a line\\n' * 100_000); print('done')")
    until = time.monotonic() + PATIENCE_SECONDS
    while command.poll() is None:
        assert time.monotonic() < until, "it waits for a reader"
        time.sleep(0.01)  # the drill polls, too
    assert command.result() == "done\n"


def test_a_refusal_is_no_error() -> None:
    assert started(f"print('no'); raise SystemExit({REFUSED})").result() == "no\n"


def test_a_failure_says_the_end_of_its_errors() -> None:
    program = "import sys; sys.stderr.write(''.join(f'line {number}\\n' for number in range(99))); sys.exit(1)"
    with pytest.raises(CommandFailed) as failed:
        started(program).result()
    assert str(failed.value).splitlines() == [f"line {number}" for number in range(99 - ERROR_LINES, 99)]


def test_a_command_is_killed() -> None:
    command = started("import time; time.sleep(600)")
    command.kill()
    assert command.poll() is not None

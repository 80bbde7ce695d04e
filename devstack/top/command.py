"""``python -m devstack top``: a running stack, watched from another terminal by the alarms that are deployed.

Reads the metrics records in its workers' logs. What is computed is in `top_snapshot`, what is shown in `top_view`.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.live import Live

from devstack.processes.errors import StackError
from devstack.top.log_tail import LogTail, running_stack
from devstack.top.records import BadRecord, observations
from devstack.top.series import Series
from devstack.top.snapshot import Snapshot, take
from devstack.top.view import view

WINDOW_SECONDS = 300
REFRESH_SECONDS = 1.0
EXIT_FAILED = 1


class Watch:
    """What a stack's logs have said so far.

    Args:
        tail: the logs.
        window_seconds: that figures are over.
    """

    def __init__(self, tail: LogTail, window_seconds: int) -> None:
        self._tail = tail
        self._window_seconds = window_seconds
        self._series = Series()
        self._bad_records = 0

    def look(self, now: float) -> Snapshot:
        """Read what is new and return how the service does at a moment (epoch seconds)."""
        for line in self._tail.lines():
            try:
                self._series.add(observations(line))
            except BadRecord:
                self._bad_records += 1  # shown
        self._series.forget(now)
        return take(self._series, now, self._window_seconds, self._bad_records)


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        tail = LogTail(options.logs or running_stack())
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    watch = Watch(tail, options.window)
    if options.json:
        json.dump(asdict(watch.look(time.time())), sys.stdout, indent=1)
        sys.stdout.write("\n")
    elif options.once:
        Console().print(view(watch.look(time.time())))
    else:
        _stay(watch, tail)
    return 0


def _stay(watch: Watch, tail: LogTail) -> None:
    """Show what is, until Ctrl-C or the stack's end."""
    try:
        with Live(view(watch.look(time.time())), auto_refresh=False, screen=False) as live:
            while tail.is_there:
                time.sleep(REFRESH_SECONDS)  # a person looks; nothing waits for it
                live.update(view(watch.look(time.time())), refresh=True)
    except KeyboardInterrupt:
        return


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devstack top", description="Watch a stack that runs here.")
    parser.add_argument("--logs", type=Path, help="directory of the stack (by default of the one started last)")
    parser.add_argument("--window", type=_seconds, default=WINDOW_SECONDS, help=f"in seconds ({WINDOW_SECONDS})")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="show what is now, and end")
    how.add_argument("--json", action="store_true", help="write what is now as JSON, and end")
    return parser


def _seconds(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number

"""``python -m devstack top``: show the metrics and alarms of a running stack, in another terminal.

Reads the metrics records in the workers' logs.
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

from devstack.env import running_stack
from devstack.processes.errors import StackError
from devstack.top.figures import Figures, compute_figures
from devstack.top.log_tail import LogTail
from devstack.top.records import BadRecord, parse_line
from devstack.top.series import Series
from devstack.top.view import view
from nextitem import DEFAULT_STACK

WINDOW_SECONDS = 300
REFRESH_SECONDS = 1.0
"""Between two views."""
EXIT_FAILED = 1


class Watch:
    """Accumulates the metrics in a stack's logs.

    Args:
        tail: the logs.
        stack: whose metrics are shown.
        window_seconds: the figures' window.
    """

    def __init__(self, tail: LogTail, stack: str, window_seconds: int) -> None:
        self._tail = tail
        self._window_seconds = window_seconds
        self._series = Series(stack)
        self._bad_records = 0

    def read(self, now: float) -> Figures:
        """Read the new lines and return the figures at a moment (epoch seconds)."""
        for line in self._tail.lines():
            try:
                self._series.add(parse_line(line))
            except BadRecord:
                self._bad_records += 1  # the view shows it
        self._series.forget(now)
        return compute_figures(self._series, now, self._window_seconds, self._bad_records)


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        tail = LogTail(options.logs or running_stack())
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    watch = Watch(tail, options.stack, options.window)
    if options.json:
        json.dump(asdict(watch.read(time.time())), sys.stdout, indent=1)
        sys.stdout.write("\n")
    elif options.once:
        Console().print(view(watch.read(time.time())))
    else:
        _follow(watch, tail)
    return 0


def _follow(watch: Watch, tail: LogTail) -> None:
    """Refresh the view until Ctrl-C or the stack's end."""
    try:
        with Live(view(watch.read(time.time())), auto_refresh=False, screen=False) as live:
            while tail.exists:
                time.sleep(REFRESH_SECONDS)  # the view is redrawn at a fixed rate; there is no event to wait for
                live.update(view(watch.read(time.time())), refresh=True)
    except KeyboardInterrupt:
        return


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devstack top", description="Watch a stack that runs here.")
    parser.add_argument("--logs", type=Path, help="directory of the stack (default: the one started last)")
    parser.add_argument("--stack", default=DEFAULT_STACK, help=f"NEXTITEM_STACK of its function ({DEFAULT_STACK})")
    parser.add_argument(
        "--window", type=_seconds, default=WINDOW_SECONDS, help=f"seconds that the figures cover ({WINDOW_SECONDS})"
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--once", action="store_true", help="show the current state and exit")
    output.add_argument("--json", action="store_true", help="write the current state as JSON and exit")
    return parser


def _seconds(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number

"""The view of a command's work: its phase, the time that has passed, and the time that all phases still take.

On a terminal it is one live line; elsewhere, as in the log of a CI job, a line every so often.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from model_export.interruption import raise_if_stopped
from model_export.progress import Estimate, Phase

MARK = "... "
"""Begins each line of progress where standard error is no terminal."""
MIN_SILENCE, MAX_SILENCE, SHARE = 5.0, 30.0, 0.05
"""Seconds between two such lines: this share of the time that has passed, within these bounds."""
MINUTE, HOUR = 60, 3600

T = TypeVar("T")


class View:
    """Shows a work. It implements `model_export.progress.Progress`. Steps end with `Stopped` after a signal.

    Args:
        changed: called after each change.
        clock: gives seconds.

    Attributes:
        note: is shown with the phase.
        bound: "at most" for a work that may end sooner than planned.
    """

    def __init__(self, changed: Callable[["View"], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._changed, self._clock = changed, clock
        self._began = clock()
        self._estimate = Estimate(clock)
        self._text = ""
        self.note = ""
        self.bound = "about"
        self.done, self.total = 0, 0

    def begin(self, text: str) -> None:
        """Show a phase of unknown length."""
        raise_if_stopped()
        self._text, self.done, self.total = text, 0, 0
        self._changed(self)

    def plan(self, phases: Sequence[Phase]) -> None:
        """See `Progress`."""
        self._estimate.plan(phases)

    def step(self, phase: str, done: int) -> None:
        """See `Progress`."""
        raise_if_stopped()
        self._estimate.step(phase, done)
        self._text, self.done, self.total = phase, done, self._estimate.units(phase) or 0
        self._changed(self)

    def each(self, phase: str, work: Iterable[T], total: int) -> Iterator[T]:
        """Yield a work's parts, and count them."""
        self.plan([Phase(phase, total)])
        for done, part in enumerate(work):
            self.step(phase, done)
            yield part

    def what(self) -> str:
        """Return the current phase."""
        count = f", {self.done:,} of {self.total:,}" if self.total else f", {self.done:,}" if self.done else ""
        return f"{self._text}{f' ({self.note})' if self.note else ''}{count}"

    def times(self) -> str:
        """Return the time that has passed, and the time that is left."""
        passed, left = _clock(self._clock() - self._began), self._estimate.left()
        if not left.seconds:
            return passed
        works = dict.fromkeys(name.partition(":")[0] for name in left.unmeasured)  # "session memory: recall"
        rest = f", besides {', '.join(works)}" if works else ""
        return f"{passed}, {self.bound} {_clock(left.seconds)} left{rest}"


def _clock(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes = divmod(whole // MINUTE, MINUTE)
    return f"{hours}:{minutes:02}:{whole % MINUTE:02}" if hours else f"{minutes}:{whole % MINUTE:02}"


@contextmanager
def shown(console: Console, *, silent: bool = False) -> Iterator[View]:
    """Show a work on a console while the block runs.

    Args:
        console: standard error.
        silent: show nothing, because another process does.
    """
    if silent:
        yield View(lambda _view: None)
    elif console.is_terminal:
        with _live(console) as view:
            yield view
    else:
        with _lines(console) as view:
            yield view


class _Times(ProgressColumn):
    """The times, which go on between two steps."""

    max_refresh = 0.5

    def __init__(self) -> None:
        super().__init__()
        self.view: View | None = None

    def render(self, task: Task) -> Text:  # noqa: ARG002  # rich's signature
        """Return the column."""
        return Text(self.view.times() if self.view is not None else "")


@contextmanager
def _live(console: Console) -> Iterator[View]:
    times = _Times()
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(20), times)
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task("starting", total=None)

        def changed(view: View) -> None:
            bars.update(task, description=view.what(), completed=view.done, total=view.total or None)

        times.view = View(changed)
        yield times.view


@contextmanager
def _lines(console: Console) -> Iterator[View]:
    view, ended, began = View(lambda _view: None), threading.Event(), time.monotonic()

    def report() -> None:
        while not ended.wait(min(max(MIN_SILENCE, SHARE * (time.monotonic() - began)), MAX_SILENCE)):
            console.print(f"{MARK}{view.what()}; {view.times()}")

    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    try:
        yield view
    finally:
        ended.set()
        thread.join()

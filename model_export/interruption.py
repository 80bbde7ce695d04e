"""End a command on a signal as an error would end it: its clean-up runs, and one line says what is left.

SIGINT (Ctrl-C), SIGTERM and SIGHUP raise `Stopped` in the main thread. A second signal only says that the clean-up
runs; a third one ends the process at once.

A library may lose the exception, in a bare ``except:`` or while an object is deleted. So work that goes on raises it
again where it reports its progress (`raise_if_stopped`), which no clean-up does.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_BASE = 128
"""A process that a signal ended has the exit code 128 + signal, by the convention of shells."""
PATIENCE = "nextitem: ending; once more ends it at once and leaves temporary files\n"

NOTHING = "nothing was written"

Describe = Callable[[], str]
"""Says what is left of a command's work, after its clean-up."""


class Stopped(BaseException):
    """Ends the work. It is no `Exception`, so that no library handles it as an error of its own."""


class Stop:
    """The first signal that came, and the description of what is left."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self.describe: Describe = lambda: NOTHING
        self.held = 0
        self._signals = 0
        self._is_due = False

    @property
    def exit_code(self) -> int:
        """The exit code of a process that the signal ended; 0 without one."""
        return 0 if self.signal is None else EXIT_BASE + self.signal

    def line(self) -> str:
        """Return the line for the user."""
        name = "" if self.signal is None else self.signal.name
        return f"nextitem: stopped by {name}: {self.describe()}"

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        self._signals += 1
        if self._signals == 1:
            self.signal = signal.Signals(number)
            self._is_due = self.held > 0
            if not self._is_due:
                raise Stopped
        elif self._signals == 2:  # noqa: PLR2004  # the second of three
            os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, PATIENCE.encode())
        else:
            os._exit(EXIT_BASE + number)

    def raise_again(self) -> None:
        """Raise `Stopped` if a signal has come whose exception was raised before."""
        if self.signal is not None and not self.held:
            raise Stopped

    def release(self) -> None:
        """End a block that no signal interrupts."""
        self.held -= 1
        if self._is_due and not self.held:
            self._is_due = False
            raise Stopped


_current = Stop()
"""Signals are those of the process, so this is its only one."""


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Let signals raise `Stopped` within the block. One that the process ignores, as under `nohup`, stays ignored.

    A library may turn `Stopped` into an error of its own (DuckDB does): the signal in the `Stop` decides.
    """
    global _current  # noqa: PLW0603  # handlers of signals are global, too
    before, stop = _current, Stop()
    _current = stop
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in handlers.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, stop.receive)
    try:
        yield stop
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        _current = before


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay a signal to the end of the block, for steps that must happen together. The block must be short."""
    _current.held += 1
    try:
        yield
    finally:
        _current.release()


@contextmanager
def inherited_block() -> Iterator[None]:
    """Delay a signal to the end of the block, and for ever in the processes that it starts: this process ends them."""
    with uninterrupted():  # another thread may take the signal
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def raise_if_stopped() -> None:
    """Raise `Stopped` if it was raised before and lost. Work calls this where it reports its progress."""
    _current.raise_again()


def describe_if_stopped(describe: Describe) -> None:
    """Describe what is left if a signal ends the command from now on.

    Args:
        describe: is called after the clean-up, so it can look at the files.
    """
    _current.describe = describe

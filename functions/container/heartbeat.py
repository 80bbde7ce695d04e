"""A worker says each second that its event loop runs; the supervisor notices that it no longer does.

Probes cannot: a worker that is stuck accepts no connection, and the others answer for it.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable

NEEDS_MODEL = "needs-model"
"""The argument of a worker that ends at its start if it has no model."""
MODEL, NO_MODEL = b"m", b"-"
"""A beat of a worker that has a model, or has none: it can answer with a refusal only."""
BEAT_SECONDS = 1.0
MAX_STEP_SECONDS = 2 * BEAT_SECONDS
"""The most that one look adds to a silence: if the supervisor did not run either, that is not the worker's fault."""


class Pulse:
    """Sends a byte now, and each second for as long as the running event loop does.

    Args:
        control: a socket of a pair; the supervisor has the other one.
        has_model: returns whether a model is loaded.
        on_gone: called once when the other end closes: the supervisor has gone.
    """

    def __init__(self, control: socket.socket, has_model: Callable[[], bool], on_gone: Callable[[], None]) -> None:
        control.setblocking(False)
        self._control, self._has_model, self._on_gone = control, has_model, on_gone
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(control, self._end)  # nothing is ever sent to this end
        self._beat()

    def _beat(self) -> None:
        with contextlib.suppress(OSError):  # the supervisor has gone, or it has not read for minutes
            self._control.send(MODEL if self._has_model() else NO_MODEL)
        self._timer = self._loop.call_later(BEAT_SECONDS, self._beat)

    def _end(self) -> None:
        self._loop.remove_reader(self._control)  # it stays readable
        self._timer.cancel()
        self._on_gone()


class Watch:
    """Measures how long the other end of a socket pair has been silent.

    Args:
        control: the supervisor's end.
        clock: in seconds.

    Attributes:
        has_model: whether the worker had a model at its last beat.
    """

    def __init__(self, control: socket.socket, clock: Callable[[], float] = time.monotonic) -> None:
        control.setblocking(False)
        self.has_model = False
        self._control, self._clock = control, clock
        self._looked = clock()
        self._silence = 0.0

    def silence(self) -> float:
        """Return the seconds without a byte; call this at least each `MAX_STEP_SECONDS`, longer pauses do not count."""
        now = self._clock()
        step, self._looked = min(now - self._looked, MAX_STEP_SECONDS), now
        self._silence = 0.0 if self.has_beaten() else self._silence + step
        return self._silence

    def has_beaten(self) -> bool:
        """Return whether a beat has come since the last look."""
        try:
            beats = self._control.recv(1 << 12)
        except BlockingIOError:
            return False
        if beats:
            self.has_model = beats[-1:] == MODEL
        return bool(beats)

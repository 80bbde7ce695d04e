"""A worker process as its parent sees it: whether it starts, serves, hangs or has ended."""

import contextlib
import math
import select
import socket
import subprocess
import sys
import time

from container.heartbeat import NEEDS_MODEL, Watch

START_SECONDS = 60.0
"""Maximum time until a worker serves: a first model may have to be downloaded."""
SILENCE_SECONDS = 30.0
"""A worker whose event loop has not run for so long is stuck. It is killed, and replaced like any that dies."""


class Worker:
    """A worker process.

    Args:
        listening: the socket that it shares with the others.
        needs_model: whether it ends at its start if no model can be loaded, because others have one.

    Attributes:
        needs_model: see above.
        serves: whether it serves, or did, as far as `look` has noticed.
        has_failed_to_start: whether it never will, as far as `look` has noticed.
        has_given_up: whether it is about to end by itself, then.
        kill_at: monotonic seconds at which a worker that got SIGTERM is killed.

    Raises:
        OSError: the system has no place for another process.
    """

    def __init__(self, listening: socket.socket, *, needs_model: bool = False) -> None:
        self.needs_model = needs_model
        self.serves = self.has_failed_to_start = self.has_given_up = False
        self.kill_at = math.inf
        self._control, theirs = socket.socketpair()
        descriptors = listening.fileno(), theirs.fileno()
        command = [sys.executable, "-m", "container.worker", *map(str, descriptors), *[NEEDS_MODEL] * needs_model]
        with contextlib.ExitStack() as undo, theirs:
            undo.callback(self._control.close)
            self._process = subprocess.Popen(command, pass_fds=descriptors)  # noqa: S603 - our own program
            undo.pop_all()
        self._watch = Watch(self._control)
        self.give_time()

    def give_time(self) -> None:
        """Let its start take `START_SECONDS` from now on."""
        self._latest_start = time.monotonic() + START_SECONDS

    def fileno(self) -> int:
        """Return the descriptor that is readable once `look` has something to notice."""
        return self._control.fileno()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    @property
    def has_to_be_gone(self) -> bool:
        """Whether it has ended, or was given the time to."""
        return self.exit_code is not None or time.monotonic() > self.kill_at

    @property
    def has_model(self) -> bool:
        """Whether it said so last."""
        return self._watch.has_model

    def look(self) -> None:
        """Notice whether a worker that starts serves by now, or never will."""
        if select.select([self], [], [], 0)[0]:
            self.serves = self._watch.has_beaten()  # if not, it has closed its end
            self.has_failed_to_start = self.has_given_up = not self.serves
        elif self.exit_code is not None or time.monotonic() > self._latest_start:
            self.has_failed_to_start = True

    def is_stuck(self) -> bool:
        """Return whether it runs, and has not said for a long time that it serves."""
        return self.exit_code is None and self._watch.silence() > SILENCE_SECONDS

    def send(self, number: int) -> None:
        """Send a signal, if it still runs."""
        self._process.send_signal(number)

    def end(self, seconds: float) -> int:
        """Wait for its end, kill it after some seconds, and return the exit code."""
        try:
            code = self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._control.close()
        return code

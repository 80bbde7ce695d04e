"""Sends what no answer waits for, in a thread of its own, one after the other.

Handing bytes to the network costs a tenth of a warm request, and the lock of the interpreter is free meanwhile: the
answer is written while they leave. Knows no session and no server.
"""

import queue
import threading
from collections.abc import Callable

from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.sessions.session import Saving


class Writer:
    """Sends savings in the order in which they are given. Its thread starts with the first, and is a daemon."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._last: _Job | None = None
        self._thread: threading.Thread | None = None

    def send(self, begin: Callable[[], Saving]) -> Saving:
        """Begin a saving in the thread.

        Args:
            begin: sends it. What it raises is raised where the saving is settled.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
            self._thread.start()
        job = self._last = _Job(begin)
        self._jobs.put(job)
        return job

    def wait(self, deadline: Deadline) -> None:
        """Wait until all that was given is sent: what comes after it on the network is then read after it.

        Returns at the deadline, too; what is not sent then goes on.
        """
        if self._last is not None:
            self._last.begun.wait(deadline.remaining())

    def _work(self) -> None:
        while True:
            self._jobs.get().run()


class _Job:
    """A saving that is sent, or will be."""

    def __init__(self, begin: Callable[[], Saving]) -> None:
        self.begun = threading.Event()
        self._begin = begin
        self._saving: Saving | None = None
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            self._saving = self._begin()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where the saving is settled
            self._error = error
        self.begun.set()

    def due(self) -> bool:
        """See `Saving.due`."""
        return self.begun.is_set() and (self._saving is None or self._saving.due())

    def settle(self, deadline: Deadline) -> bool:
        """See `Saving.settle`."""
        self.begun.wait(deadline.remaining())
        if self._error is not None:
            raise self._error
        if self._saving is None:
            raise StoreUnavailable("a session's snapshot could not be sent in time", late=True)
        return self._saving.settle(deadline)

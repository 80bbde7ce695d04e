"""Send snapshots in the background, while the response is written.

Handing bytes to the network costs a tenth of a warm request, and frees the interpreter's lock meanwhile.
"""

import queue
import threading
from collections.abc import Callable

from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.sessions.session import PendingSave


class BackgroundWriter:
    """Sends saves one after the other in a daemon thread, which starts with the first."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._last: _Job | None = None
        self._thread: threading.Thread | None = None

    def send(self, begin: Callable[[], PendingSave]) -> PendingSave:
        """Call `begin`, which sends a save, in the thread. `PendingSave.result` raises its exception, if any."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
            self._thread.start()
        job = self._last = _Job(begin)
        self._jobs.put(job)
        return job

    def wait(self, deadline: Deadline) -> None:
        """Wait until every save is sent, or until the deadline. Another connection may still be faster."""
        if self._last is not None:
            self._last.sent.wait(deadline.remaining())

    def _work(self) -> None:
        while True:
            self._jobs.get().run()


class _Job:
    """A save that is sent, or will be."""

    def __init__(self, begin: Callable[[], PendingSave]) -> None:
        self.sent = threading.Event()
        self._begin = begin
        self._saving: PendingSave | None = None
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            self._saving = self._begin()
        except Exception as error:  # noqa: BLE001 - raised again by `result`
            self._error = error
        self.sent.set()

    def done(self) -> bool:
        """See `PendingSave.done`."""
        return self.sent.is_set() and (self._saving is None or self._saving.done())

    def result(self, deadline: Deadline) -> bool:
        """See `PendingSave.result`."""
        self.sent.wait(deadline.remaining())
        if self._error is not None:
            raise self._error
        if self._saving is None:
            raise StoreUnavailable("a session's snapshot could not be sent in time", late=True)
        return self._saving.result(deadline)

"""Send to the store in the background, and read its replies in a later request."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable

from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.sessions.background_writer import BackgroundWriter
from nextitem.sessions.session import PendingSave
from nextitem.telemetry.record import RequestRecord

MAX_PENDING_SAVES = 8
"""Maximum number of saves and counts of one thread that wait for the store's reply; a request sends one of each. Beyond
it the oldest is given up, with its connection."""


class BackgroundSaves:
    """Saves and counts on their way to the store.

    Threads may share it. Each has its own saves, so that a request reads the replies of earlier requests of its own
    thread: it waits for no other request's, and no thread gives up what others have just sent.
    """

    def __init__(self) -> None:
        self._own = threading.local()
        self._lock = threading.Lock()
        self._all: list[_ThreadSaves] = []

    def send(self, begin: Callable[[], PendingSave]) -> None:
        """Call `begin`, which sends a save, in the background."""
        self._saves().send(begin)

    def wait(self, deadline: Deadline) -> None:
        """Wait until everything is sent, or until the deadline."""
        for saves in self._all:
            saves.writer.wait(deadline)

    def read_replies(self, deadline: Deadline, record: RequestRecord) -> None:
        """Read the store's replies to earlier saves, as far as they have arrived; faults are only recorded."""
        self._saves().read_replies(deadline, record)

    def finish(self, deadline: Deadline) -> None:
        """Wait until the store has replied to everything, or until the deadline. No request may be under way."""
        for saves in self._all:
            saves.finish(deadline)

    def _saves(self) -> "_ThreadSaves":
        saves: _ThreadSaves | None = getattr(self._own, "saves", None)
        if saves is None:
            saves = self._own.saves = _ThreadSaves()
            with self._lock:
                self._all = [*self._all, saves]
        return saves


class _ThreadSaves:
    """The saves of one thread."""

    def __init__(self) -> None:
        self._pending: deque[PendingSave] = deque()
        self.writer = BackgroundWriter()

    def send(self, begin: Callable[[], PendingSave]) -> None:
        self._pending.append(self.writer.send(begin))

    def read_replies(self, deadline: Deadline, record: RequestRecord) -> None:
        self.writer.wait(deadline)
        for _ in range(len(self._pending)):
            save = self._pending.popleft()
            too_many = len(self._pending) >= MAX_PENDING_SAVES
            if not save.done() and not too_many:
                self._pending.append(save)
                continue
            try:
                with record.phase("store_write"):
                    save.result(Deadline.after(0) if too_many else deadline)
            except StoreUnavailable as error:
                record.add_fault(error)

    def finish(self, deadline: Deadline) -> None:
        while self._pending:
            with contextlib.suppress(StoreUnavailable):  # a lost snapshot costs a replay
                self._pending.popleft().result(deadline)

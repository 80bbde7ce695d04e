"""Send to the store in the background, and read its replies in a later request."""

from collections import deque
from collections.abc import Callable

from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.sessions.background_writer import BackgroundWriter
from nextitem.sessions.session import PendingSave
from nextitem.telemetry.record import RequestRecord

MAX_PENDING_SAVES = 8
"""Maximum number of saves and counts that wait for the store's reply; a request sends one of each. Beyond it the oldest
is given up, with its connection."""


class BackgroundSaves:
    """Saves and counts on their way to the store."""

    def __init__(self) -> None:
        self._pending: deque[PendingSave] = deque()
        self._writer = BackgroundWriter()

    def send(self, begin: Callable[[], PendingSave]) -> None:
        """Call `begin`, which sends a save, in the background."""
        self._pending.append(self._writer.send(begin))

    def wait(self, deadline: Deadline) -> None:
        """Wait until everything is sent, or until the deadline."""
        self._writer.wait(deadline)

    def read_replies(self, deadline: Deadline, record: RequestRecord) -> None:
        """Read the store's replies to earlier saves, as far as they have arrived; faults are only recorded."""
        self._writer.wait(deadline)
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

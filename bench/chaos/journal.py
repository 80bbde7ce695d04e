"""The journal of all calls: requests, answers and their times, as the oracle needs them."""

import threading
from dataclasses import dataclass, field

from nextitem.event_types import VIEW
from nextitem.service.schema import ServedBy

Top = tuple[tuple[str, float], ...]
"""Item ids and scores, best first."""

FIRST_TIME = frozenset({"applied", "late", "unknown_item"})
"""The statuses of an event that the session did not have before."""


@dataclass(frozen=True, slots=True)
class SentEvent:
    """One event as it was sent. Without an id in the request, it has the answer's; without an answer, an empty one."""

    event_id: str
    item_id: str
    occurred_at: int | None = None
    type: str = VIEW


@dataclass(frozen=True, slots=True)
class Call:
    """One request and its answer. Times are seconds of the monotonic clock; `statuses` belong to `events`."""

    session_id: str
    events: tuple[SentEvent, ...]
    started: float
    ended: float
    status: int
    served_by: ServedBy | None = None
    stored: bool = False
    session_length: int | None = None
    statuses: tuple[str, ...] = ()
    top: Top = ()


@dataclass(frozen=True, slots=True)
class Deletion:
    """A DELETE of a session and the status of its answer. Times are seconds of the monotonic clock."""

    session_id: str
    started: float
    ended: float
    status: int


@dataclass
class Journal:
    """All calls and deletions of a run, ordered by their ends. Threads may share it."""

    _calls: list[Call] = field(default_factory=list)
    _deletions: list[Deletion] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, call: Call) -> None:
        """Add a call that has ended."""
        with self._lock:
            self._calls.append(call)

    def add_deletion(self, deletion: Deletion) -> None:
        """Add a deletion that has ended."""
        with self._lock:
            self._deletions.append(deletion)

    @property
    def deletions(self) -> list[Deletion]:
        """The deletions so far."""
        with self._lock:
            return list(self._deletions)

    @property
    def calls(self) -> list[Call]:
        """The calls so far."""
        with self._lock:
            return list(self._calls)

    def newest_are_from_the_session(self, count: int, since: float) -> bool:
        """Tell whether the newest calls, so many of them, ended since a moment and were served from the session."""
        with self._lock:
            newest = self._calls[-count:]
        return len(newest) == count and all(call.served_by == "session" and call.ended >= since for call in newest)

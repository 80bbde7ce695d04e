"""What the clients sent and heard, as the oracle needs it. Knows no network and no store."""

import threading
from dataclasses import dataclass, field

from nextitem.service.schema import ServedBy

Top = tuple[tuple[str, float], ...]
"""Item ids and scores, best first."""

FIRST_TIME = frozenset({"applied", "late", "unknown_item"})
"""What is said of an event that was not known before."""


@dataclass(frozen=True, slots=True)
class SentEvent:
    """One event as it was sent; one that was sent without an id has that of the answer, or none if there was none."""

    event_id: str
    item_id: str
    occurred_at: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One request and its answer. Times are seconds of the monotonic clock; `statuses` are those of `events`."""

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


@dataclass
class Journal:
    """Every call of a run, in the order of their ends. Safe to share between threads."""

    _calls: list[Call] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _unbroken: int = 0

    def note(self, call: Call) -> None:
        """Add a call that has ended."""
        with self._lock:
            self._calls.append(call)
            self._unbroken = self._unbroken + 1 if call.served_by == "session" else 0

    @property
    def calls(self) -> list[Call]:
        """The calls so far."""
        with self._lock:
            return list(self._calls)

    @property
    def unbroken(self) -> int:
        """How many calls at the end were all served from the session."""
        return self._unbroken

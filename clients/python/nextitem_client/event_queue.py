"""Events that wait for the network, in their order, in memory or in a file."""

import logging
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import msgspec

from nextitem_client.calls import checked_session_id
from nextitem_client.schema import MAX_EVENTS, Event

_log = logging.getLogger(__name__)

# WAL with NORMAL: an event is safe from the end of the process, not from a power cut, and costs no wait for the disk.
_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS events (position INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT, event BLOB);
CREATE TABLE IF NOT EXISTS dropped (reason TEXT PRIMARY KEY, events INTEGER);
"""

Reason = Literal["full", "refused"]


@dataclass(frozen=True)
class Batch:
    """The oldest events of one session, at most 64, with their positions in the queue."""

    session_id: str
    positions: tuple[int, ...]
    events: tuple[Event, ...]


class EventQueue:
    """A bounded queue; safe for use by several threads, a file also by several processes.

    A full queue drops its oldest event, because the newest ones say most about the next item. Drops are counted and
    logged.

    Args:
        path: the file that keeps the events; None keeps them in memory.
        limit: maximum number of events.

    Attributes:
        placed: of sessions with a request before, the latest time of its last event on the service, by our clock.

    Example:
        ``queue.add("me", Event("tea-001")); client.deliver(queue)``
    """

    def __init__(self, path: Path | str | None = None, limit: int = 1000) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit}: a queue needs room for at least one event")
        self.placed: dict[str, int] = {}
        self._limit = limit
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level="IMMEDIATE")
        self._database.executescript(_SCHEMA)

    def add(self, session_id: str, event: Event) -> None:
        """Append an event.

        Raises:
            ValueError: the session id cannot be a part of a path.
        """
        row = checked_session_id(session_id), msgspec.json.encode(event)
        with self._lock, self._database:
            self._database.execute("INSERT INTO events (session_id, event) VALUES (?, ?)", row)
            oldest = "SELECT position FROM events ORDER BY position DESC LIMIT -1 OFFSET ?"
            dropped = self._database.execute(f"DELETE FROM events WHERE position IN ({oldest})", (self._limit,))  # noqa: S608 - a constant
            self._count(dropped.rowcount, "full")

    def batch(self) -> Batch | None:
        """Return the oldest event with the next ones of its session; None if the queue is empty."""
        query = (
            "SELECT position, session_id, event FROM events"
            " WHERE session_id = (SELECT session_id FROM events ORDER BY position LIMIT 1) ORDER BY position LIMIT ?"
        )
        with self._lock:
            rows = self._database.execute(query, (MAX_EVENTS,)).fetchall()
        if not rows:
            return None
        events = tuple(msgspec.json.decode(event, type=Event) for _, _, event in rows)
        return Batch(rows[0][1], tuple(position for position, _, _ in rows), events)

    def remove(self, batch: Batch, dropped_as: Reason | None = None) -> None:
        """Remove the events of a batch; `dropped_as` counts them as dropped."""
        with self._lock, self._database:
            positions = [(position,) for position in batch.positions]
            removed = self._database.executemany("DELETE FROM events WHERE position = ?", positions)
            if dropped_as is not None:
                self._count(removed.rowcount, dropped_as)

    def forget(self, session_id: str) -> int:
        """Remove the events of a session that is to be deleted, and return their number."""
        with self._lock, self._database:
            return self._database.execute("DELETE FROM events WHERE session_id = ?", (session_id,)).rowcount

    @property
    def dropped(self) -> Mapping[str, int]:
        """The number of events dropped since the queue was made, by reason: ``full`` or ``refused``."""
        with self._lock:
            return dict(self._database.execute("SELECT reason, events FROM dropped").fetchall())

    def __len__(self) -> int:
        with self._lock:
            (events,) = self._database.execute("SELECT count(*) FROM events").fetchone()
            return int(events)

    def __bool__(self) -> bool:
        """Return True: an empty queue is a queue."""
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _count(self, events: int, reason: Reason) -> None:
        if events > 0:
            count = "INSERT INTO dropped VALUES (?, ?) ON CONFLICT (reason) DO UPDATE SET events = events + ?"
            self._database.execute(count, (reason, events, events))
            _log.warning("the event queue dropped %d events: %s", events, reason)

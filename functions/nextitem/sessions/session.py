"""A session: its event log, the snapshot of its hidden state, and the protocol of a session store.

The log is the truth and the snapshot is a cache of it: hidden state = f(model version, log). A snapshot carries the
*chain* value of the last log entry in it. Each entry's chain value hashes the entry and the chain value before it, so a
snapshot can only be continued from exactly the log that led to it (decision 1).
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, Self

import msgspec

from nextitem.deadline import Deadline
from nextitem.event_types import VIEW
from nextitem.hidden_state import HiddenState


class SessionKey(str):
    """The store's key of a session. With it come the keys of all hashes that are made of the session's other ids.

    Attributes:
        hash_key: the key of the hashes.
        old_hash_key: the key of hashes that the session may have from before or after a rotation of the key secret.
        pseudonym: the session's name in the event lake; None if the lake is off.
    """

    def __new__(
        cls, name: str, hash_key: bytes, old_hash_key: bytes | None = None, pseudonym: str | None = None
    ) -> Self:
        """Make the key; its text, unlike the keys of hashes, is not secret."""
        key = super().__new__(cls, name)
        key.hash_key, key.old_hash_key, key.pseudonym = hash_key, old_hash_key, pseudonym
        return key

    hash_key: bytes
    old_hash_key: bytes | None
    pseudonym: str | None


WINDOW = 64
"""The number of newest events in a session's log, and so the memory of a rebuilt hidden state."""

SEEN_TAGS = 192
"""The number of events trimmed from the log whose duplicates are still recognised."""

TAG_BYTES = 8
"""Length of an event's tag: a keyed hash of its event id."""

Status = Literal["applied", "duplicate", "late", "too_old"]

CHAMPION_TEAM, CHALLENGER_TEAM, NO_TEAM = "c", "x", "-"
"""Who drafted a place of an interleaved answer, one letter each. A pinned place has no team."""

IMPRESSION_SIZE = 20
"""The number of items in an impression: the metrics look at the first 20."""


class Event(msgspec.Struct, frozen=True):
    """One event of a session, as the client sent it.

    Attributes:
        item_id: the event's item.
        event_id: the client's id of the event; events with the same id are duplicates.
        occurred_at: epoch milliseconds, or None for "now, after all earlier events".
        recommendation_id: the answer that led the visitor to the item, if the client says so.
        type: what the visitor did with the item, see `nextitem.event_types`.
    """

    item_id: str
    event_id: str
    occurred_at: int | None = None
    recommendation_id: str | None = None
    type: str = VIEW


class LogEntry(NamedTuple):  # made 64 times a request, in a third of a frozen dataclass's time
    """One event in a session's log: time in epoch milliseconds, tag, item, the chain value up to it, and its type."""

    at: int
    tag: bytes
    item_id: str
    chain: bytes
    type: str = VIEW


class Snapshot(msgspec.Struct, frozen=True):
    """A hidden state, and the chain value of the last event in it."""

    chain: bytes
    hidden: HiddenState


class Impression(msgspec.Struct, frozen=True):
    """The items last recommended to a session. The session's next event gives feedback on them.

    Attributes:
        chain: the chain value of the log's newest entry at that time.
        recommendation_id: the answer's id in the response.
        version: the model version that answered.
        variant: its variant on the route.
        item_ids: the best `IMPRESSION_SIZE` items, best first, also if the client asked for fewer.
        placement: the request's, or None.
        teams: the team of each item, one letter each; empty unless the answer is interleaved (decision 38).
    """

    chain: bytes
    recommendation_id: str
    version: str
    variant: str
    item_ids: tuple[str, ...]
    placement: str | None = None
    teams: str = ""


class SessionRecord(msgspec.Struct, frozen=True):
    """A session in the store.

    Attributes:
        length: the number of distinct events, including those trimmed from the log.
        log: the newest `WINDOW` events, oldest first.
        snapshot: the newest snapshot of the requested model version, or None.
    """

    length: int
    log: tuple[LogEntry, ...]
    snapshot: Snapshot | None

    @property
    def item_ids(self) -> list[str]:
        """The log's items, oldest first."""
        return [entry.item_id for entry in self.log]

    def replay_from(self) -> tuple[HiddenState | None, tuple[LogEntry, ...]]:
        """Return the hidden state to start from (None: the zero state) and the log entries to step."""
        if self.snapshot is not None:
            for index in range(len(self.log) - 1, -1, -1):
                if self.log[index].chain == self.snapshot.chain:
                    return self.snapshot.hidden, self.log[index + 1 :]
        return None, self.log


EMPTY = SessionRecord(0, (), None)
"""The record of a session that does not exist."""


class Answerer(msgspec.Struct, frozen=True):
    """A model version, its variant on the route, and the placement of the answers that it gave, if they had one."""

    version: str
    variant: str
    placement: str | None = None


class Appended(msgspec.Struct, frozen=True):
    """The result of an append.

    Attributes:
        session: the session after the append.
        statuses: each event's status, in the order of the request.
        impression: the session's impression before the append, or None.
    """

    session: SessionRecord
    statuses: tuple[Status, ...]
    impression: Impression | None = None


class PendingSave(Protocol):
    """A snapshot, or an impression, that is being sent to the store."""

    def done(self) -> bool:
        """Return whether `result` returns or raises without waiting."""

    def result(self, deadline: Deadline) -> bool:
        """Wait for the store's reply.

        Args:
            deadline: when to give up.

        Returns:
            True if all was kept; False if the store has something newer, or no such session.

        Raises:
            StoreUnavailable: no answer within the deadline.
        """


class SessionStore(Protocol):
    """Stores sessions. Every implementation passes the same contract tests.

    Each method raises `StoreUnavailable` if the store does not answer before the deadline.
    """

    def append(
        self,
        key: SessionKey,
        events: Sequence[Event],
        version: str,
        now: int,
        deadline: Deadline,
        answerer: Answerer | None = None,
    ) -> Appended:
        """Add events to a session atomically, and return it with the snapshot of a model version.

        An event with a known id is a `duplicate` and changes nothing. An event older than the log's newest is `late`
        and is inserted at its time. One that is older than a full window is `too_old` and is not kept.

        Args:
            key: the session's key, from `session_key`.
            events: one or more events, in the order of their occurrence.
            version: the model version of the snapshot.
            now: epoch milliseconds, the time of events without one.
            deadline: when to give up.
            answerer: the version and variant that answer the session now, for the event lake.
        """

    def load(self, key: str, version: str, deadline: Deadline) -> SessionRecord:
        """Return a session, or `EMPTY` if there is none; change nothing, not even its time to live."""

    def save(
        self,
        key: str,
        version: str,
        snapshot: Snapshot | None,
        deadline: Deadline,
        impression: Impression | None = None,
    ) -> PendingSave:
        """Send a snapshot, an impression or both; each replaces the stored one only if it covers more of the log.

        It neither raises nor waits: `PendingSave.result` does both, as late as in the next request.
        """

    def move(self, old: str, key: str, deadline: Deadline) -> bool:
        """Move a session to another key; if a session is there already, join their events.

        A moved session keeps its time to live; that of a joined one begins again. A move may be repeated or
        interrupted: no event is lost, and none counts twice.

        Args:
            old: the key at which the session may be.
            key: its new key.
            deadline: when to give up.

        Returns:
            True if there was a session at the old key.
        """

    def delete(self, key: SessionKey, deadline: Deadline, old: str | None = None) -> None:
        """Delete a session.

        Args:
            key: the session's key.
            deadline: when to give up.
            old: the key at which it may still be. It is deleted there, too, and a move under way cannot restore it.
        """

    def ping(self, deadline: Deadline) -> None:
        """Check that the store answers."""

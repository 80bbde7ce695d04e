"""A session: its event log, the snapshot of its hidden state, and what a store of sessions promises.

The log is the truth and the snapshot a cache of it: hidden state = f(model version, log). A snapshot names the
prefix of the log that it stands for by that prefix's *chain* value (each entry's chain hashes the entry and the
chain before it), so a snapshot can be recognised or refused, but never applied to another past.

Knows neither Redis nor models; the bytes are `codec`'s.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import msgspec

from nextitem.deadline import Deadline
from nextitem.hidden_state import HiddenState

WINDOW = 64
"""How many of its newest events a session's log keeps; by definition the memory of a rebuilt hidden state."""

SEEN_TAGS = 192
"""How many event ids trimmed from the log are still recognised as duplicates."""

TAG_BYTES = 8
"""Length of an event's tag, which stands for its event id within its session."""

Status = Literal["applied", "duplicate", "late"]

IMPRESSION_SIZE = 20
"""How many of the items last recommended are kept with a session: the metrics judge the first 20."""


class Event(msgspec.Struct, frozen=True):
    """One event of a session as the client tells it.

    Attributes:
        item_id: the item that the visitor looked at.
        event_id: the client's name for the event; a repeated one is a duplicate.
        occurred_at: epoch milliseconds, or None for "now, after all that came before".
        recommendation_id: the answer from which the visitor came to the item, if the client says so.
    """

    item_id: str
    event_id: str
    occurred_at: int | None = None
    recommendation_id: str | None = None


class LogEntry(NamedTuple):  # made 64 times a request, in a third of a frozen dataclass's time
    """One event in a session's log: time in epoch milliseconds, tag, item, and the chain up to it."""

    at: int
    tag: bytes
    item_id: str
    chain: bytes


class Snapshot(msgspec.Struct, frozen=True):
    """A hidden state and the chain value of the log's prefix that led to it."""

    chain: bytes
    hidden: HiddenState


class Impression(msgspec.Struct, frozen=True):
    """What a session was last recommended: the session's next event tells how good that was.

    Attributes:
        chain: the chain value of the log that was answered.
        recommendation_id: the answer's id, as the client has it.
        version: the model version that answered.
        variant: the variant that it was on the route.
        item_ids: the first `IMPRESSION_SIZE` recommendations, best first, however few the client asked for.
    """

    chain: bytes
    recommendation_id: str
    version: str
    variant: str
    item_ids: tuple[str, ...]


class SessionRecord(msgspec.Struct, frozen=True):
    """A session as the store has it.

    Attributes:
        length: every distinct event of the session, those trimmed from the log included.
        log: the newest `WINDOW` events, oldest first.
        snapshot: the newest snapshot for the model version asked for, or None.
    """

    length: int
    log: tuple[LogEntry, ...]
    snapshot: Snapshot | None

    @property
    def item_ids(self) -> list[str]:
        """The items of the log, oldest first."""
        return [entry.item_id for entry in self.log]

    def replay_from(self) -> tuple[HiddenState | None, tuple[LogEntry, ...]]:
        """Return where to start and what to step: a hidden state (None: the zero state) and the entries after it."""
        if self.snapshot is not None:
            for index in range(len(self.log) - 1, -1, -1):
                if self.log[index].chain == self.snapshot.chain:
                    return self.snapshot.hidden, self.log[index + 1 :]
        return None, self.log


EMPTY = SessionRecord(0, (), None)
"""The record of a session that does not exist."""


class Appended(msgspec.Struct, frozen=True):
    """What an append did.

    Attributes:
        record: the session after it.
        statuses: each event's status, in the order of the request.
        impression: what the session was recommended after its newest event before these, or None.
    """

    record: SessionRecord
    statuses: tuple[Status, ...]
    impression: Impression | None = None


class Saving(Protocol):
    """A snapshot, or an impression, on its way to the store."""

    def due(self) -> bool:
        """Say whether the store's word is here, so that `settle` need not wait; or whether there will be none."""

    def settle(self, deadline: Deadline) -> bool:
        """Read the store's word, or wait for it.

        Args:
            deadline: when to give up.

        Returns:
            True if all was kept, False if something newer was there or the session is gone.

        Raises:
            StoreUnavailable: no answer within the deadline.
        """


class SessionStore(Protocol):
    """Where sessions live. Every implementation passes one contract suite.

    Each verb raises `StoreUnavailable` when the store does not answer before the deadline.
    """

    def append(self, key: str, events: Sequence[Event], version: str, now: int, deadline: Deadline) -> Appended:
        """Add events to a session, atomically, and return it with the snapshot of a model version.

        A known event id is a `duplicate` and changes nothing. An event older than the log's newest takes its own
        place (`late`); one older than a full window is acknowledged as `late` and changes nothing.

        Args:
            key: the session's key, from `session_key`.
            events: one or more events, in the order of their occurrence.
            version: the model version whose snapshot is wanted.
            now: epoch milliseconds, the time of events that carry none.
            deadline: when to give up.
        """

    def load(self, key: str, version: str, deadline: Deadline) -> SessionRecord:
        """Return a session without changing it, not even its time to live; `EMPTY` if there is none."""

    def save(
        self,
        key: str,
        version: str,
        snapshot: Snapshot | None,
        deadline: Deadline,
        impression: Impression | None = None,
    ) -> Saving:
        """Send a snapshot, an impression or both; each is kept only where it stands for more of the log than the old.

        Does not raise and does not wait: `Saving.settle` does, and may be called as late as in the next request.
        """

    def adopt(self, old: str, key: str, deadline: Deadline) -> bool:
        """Move a session to another key, with all that it has; where one lives there already, their events are joined.

        A session that is moved lives as long as it would have; one that is joined, from now on. May be repeated and may
        be interrupted: no event is lost by that, and none counts twice.

        Args:
            old: where it may live.
            key: where it is to live.
            deadline: when to give up.

        Returns:
            True if there was one.
        """

    def delete(self, key: str, deadline: Deadline, old: str | None = None) -> None:
        """Remove all that is known of a session; done when this returns.

        Args:
            key: the session's key.
            deadline: when to give up.
            old: where it may live still, from where it is removed, too; no move that is on its way brings it back.
        """

    def ping(self, deadline: Deadline) -> None:
        """Return if the store answers."""

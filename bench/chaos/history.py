"""A session's whole history from the store: the tags that were trimmed from its log, then the log.

An event older than the first of a full log never enters it. So trimmed events stand before the log for good, in the
order in which they were trimmed. Each chain value is a hash of the whole history up to its entry.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bench.chaos.evidence import Evidence
from bench.chaos.journal import SentEvent
from nextitem.event_types import VIEW
from nextitem.sessions.codec import next_chain
from nextitem.sessions.session import SEEN_TAGS, TAG_BYTES, WINDOW, LogEntry, SessionRecord


class Action(NamedTuple):
    """An event as it happened: its item and its type."""

    item_id: str
    type: str = VIEW


@dataclass(frozen=True)
class History:
    """All events of a session, oldest first.

    Attributes:
        record: the session in the store; its log is the end of the history.
        trimmed: tags of the events trimmed from the log, oldest first.
        forgotten: the number of events so old that the store no longer has their tags.
        actions: item and type of each event; None if the event is not in the evidence.
    """

    record: SessionRecord
    trimmed: tuple[bytes, ...]
    forgotten: int
    actions: tuple[Action | None, ...]

    @property
    def log(self) -> tuple[LogEntry, ...]:
        """The log's entries."""
        return self.record.log

    @property
    def tags(self) -> list[bytes]:
        """The tag of each event that is not forgotten."""
        return [*self.trimmed, *(entry.tag for entry in self.log)]

    def dropped(self, evidence: Evidence) -> set[bytes]:
        """Return events that were acknowledged as too old: they do not enter the log."""
        there = set(self.tags)
        return {tag for tag in evidence.too_old - there if self.log and _before(evidence, tag, self.log[0].at)}

    def fault(self, evidence: Evidence) -> str | None:
        """Describe the first fault of the history; None if there is none."""
        return self._size_fault() or self._events_fault(evidence) or self._order_fault(evidence)

    def _size_fault(self) -> str | None:
        if self.forgotten < 0 or (self.forgotten and len(self.trimmed) < SEEN_TAGS):
            return f"the session's length is {self.record.length}, but it has {len(self.tags)} events"
        if len(self.log) != min(WINDOW, self.record.length):
            return f"the log of a session of {self.record.length} events has {len(self.log)}"
        return None

    def _events_fault(self, evidence: Evidence) -> str | None:
        chain: bytes | None = b""
        for tag, action in zip(self.trimmed, self.actions[self.forgotten :], strict=False):
            if action is None and not evidence.nameless:
                return "a trimmed event was never sent"
            known = action is not None and chain is not None and not self.forgotten
            chain = next_chain(chain or b"", tag, *action) if action is not None and known else None
        for place, entry in enumerate(self.log):
            sent = evidence.sent.get(entry.tag)
            if sent is None and not evidence.nameless:
                return f"event {place} was never sent"
            if sent is not None and (changed := _changed(sent, entry)) is not None:
                return f"event {place} has another {changed} than was sent"
            if chain is not None and next_chain(chain, entry.tag, entry.item_id, entry.type) != entry.chain:
                return f"the chain breaks at event {place}"
            chain = entry.chain
        return None

    def _order_fault(self, evidence: Evidence) -> str | None:
        if any(before.at > after.at for before, after in zip(self.log, self.log[1:], strict=False)):
            return "events are not in the order of their times"
        kept = [tag for tag in self.trimmed if tag in evidence.sent]
        times = [at for tag in kept if (at := evidence.sent[tag].occurred_at) is not None]
        if self.log and times != sorted(times):
            return "events were not trimmed in the order of their times"
        if self.log and times and times[-1] > self.log[0].at:
            return "an event was trimmed that is newer than the log's first"
        return _acknowledged_order_fault(self.tags, evidence)


def history_of(record: SessionRecord, seen: bytes, evidence: Evidence) -> History:
    """Return a session's history.

    Args:
        record: the session in the store.
        seen: the tags that were trimmed from its log, in the store.
        evidence: of its clients.
    """
    trimmed = tuple(seen[at : at + TAG_BYTES] for at in range(0, len(seen), TAG_BYTES))
    forgotten = record.length - len(trimmed) - len(record.log)
    sent = [evidence.sent.get(tag) for tag in trimmed]
    known = [None if event is None else Action(event.item_id, event.type) for event in sent]
    logged = [Action(entry.item_id, entry.type) for entry in record.log]
    return History(record, trimmed, forgotten, (*[None] * max(forgotten, 0), *known, *logged))


def replays(actions: Sequence[Action | None]) -> Iterator[list[Action]]:
    """Yield each list of actions whose replay is a valid state at the end of a history, the likeliest first.

    The state of a session that never lost its snapshot depends on all events. A state that was rebuilt once began with
    a full window at that time: at any event that has a window after it.
    """
    starts = [0, *range(len(actions) - WINDOW, 0, -1)]
    for start in starts:
        known = [action for action in actions[start:] if action is not None]
        if len(known) == len(actions) - start:
            yield known


def _changed(sent: SentEvent, entry: LogEntry) -> str | None:
    """Return the part of an event that differs from what was sent; None if there is none."""
    return next(
        (
            part
            for part, before, after in (
                ("item", sent.item_id, entry.item_id),
                ("type", sent.type, entry.type),
                ("time", sent.occurred_at, entry.at),
            )
            if before is not None and before != after
        ),
        None,
    )


def _before(evidence: Evidence, tag: bytes, at: int) -> bool:
    sent = evidence.sent[tag].occurred_at
    return sent is not None and sent < at


def _acknowledged_order_fault(tags: Sequence[bytes], evidence: Evidence) -> str | None:
    """Check events without a time: one acknowledged before another was first sent must stand before it."""
    latest_sent = float("-inf")
    for place, tag in enumerate(tags):
        sent = evidence.sent.get(tag)
        if sent is None or sent.occurred_at is not None:
            continue
        if evidence.acknowledged_since.get(tag, float("inf")) < latest_sent:
            return f"event {place} was acknowledged before the event that stands before it was sent"
        latest_sent = max(latest_sent, evidence.first_sent[tag])
    return None

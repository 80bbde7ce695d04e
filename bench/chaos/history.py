"""A session's whole history, put together from what the store still has of it: the tags trimmed from its log, then it.

An event that would stand before the log's first never enters a full log, so what was trimmed stands before the log for
good, in the order in which it was trimmed; and each chain value is a hash of the whole history up to its entry.
Knows no model and no server.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.chaos.evidence import Evidence
from nextitem.sessions.codec import next_chain
from nextitem.sessions.session import SEEN_TAGS, TAG_BYTES, WINDOW, LogEntry, SessionRecord


@dataclass(frozen=True)
class History:
    """Every event of a session, oldest first.

    Attributes:
        record: what the store has, its log at the history's end.
        trimmed: tags of the events trimmed from the log, oldest first.
        forgotten: events so old that the store no longer knows their tags.
        items: the item of each event; None where nobody who sent it is known.
    """

    record: SessionRecord
    trimmed: tuple[bytes, ...]
    forgotten: int
    items: tuple[str | None, ...]

    @property
    def log(self) -> tuple[LogEntry, ...]:
        """The log's entries."""
        return self.record.log

    @property
    def tags(self) -> list[bytes]:
        """The tag of each event that is not forgotten."""
        return [*self.trimmed, *(entry.tag for entry in self.log)]

    def dropped(self, told: Evidence) -> set[bytes]:
        """Return the events that were acknowledged as late and older than a full window: they change nothing."""
        there = set(self.tags)
        return {tag for tag in told.late - there if self.log and _before(told, tag, self.log[0].at)}

    def fault(self, told: Evidence) -> str | None:
        """Return what is wrong with it, or None."""
        return self._size_fault() or self._events_fault(told) or self._order_fault(told)

    def _size_fault(self) -> str | None:
        if self.forgotten < 0 or (self.forgotten and len(self.trimmed) < SEEN_TAGS):
            return f"its length is {self.record.length}, its events are {len(self.tags)}"
        if len(self.log) != min(WINDOW, self.record.length):
            return f"a log of {len(self.log)} for a session of {self.record.length}"
        return None

    def _events_fault(self, told: Evidence) -> str | None:
        chain: bytes | None = b""
        for tag, item in zip(self.trimmed, self.items[self.forgotten :], strict=False):
            if item is None and not told.nameless:
                return "a trimmed event was never sent"
            known = item is not None and chain is not None and not self.forgotten
            chain = next_chain(chain or b"", tag, (item or "").encode()) if known else None
        for place, entry in enumerate(self.log):
            sent = told.sent.get(entry.tag)
            if sent is None and not told.nameless:
                return f"event {place} was never sent"
            if sent is not None and sent.item_id != entry.item_id:
                return f"event {place} has another item than was sent"
            if sent is not None and sent.occurred_at is not None and sent.occurred_at != entry.at:
                return f"event {place} has another time than was sent"
            if chain is not None and next_chain(chain, entry.tag, entry.item_id.encode()) != entry.chain:
                return f"the chain breaks at event {place}"
            chain = entry.chain
        return None

    def _order_fault(self, told: Evidence) -> str | None:
        if any(before.at > after.at for before, after in zip(self.log, self.log[1:], strict=False)):
            return "events are not in the order of their times"
        kept = [tag for tag in self.trimmed if tag in told.sent]
        times = [at for tag in kept if (at := told.sent[tag].occurred_at) is not None]
        if self.log and times != sorted(times):
            return "events were not trimmed in the order of their times"
        if self.log and times and times[-1] > self.log[0].at:
            return "an event was trimmed that is newer than the log's first"
        return _acknowledged_order_fault(self.tags, told)


def history_of(record: SessionRecord, seen: bytes, told: Evidence) -> History:
    """Return a session's history.

    Args:
        record: the session as the store has it.
        seen: the tags trimmed from its log, as the store has them.
        told: what the clients know of its events.
    """
    trimmed = tuple(seen[at : at + TAG_BYTES] for at in range(0, len(seen), TAG_BYTES))
    forgotten = record.length - len(trimmed) - len(record.log)
    known = [told.sent[tag].item_id if tag in told.sent else None for tag in trimmed]
    items = [*[None] * max(forgotten, 0), *known, *(entry.item_id for entry in record.log)]
    return History(record, trimmed, forgotten, tuple(items))


def replays(items: Sequence[str | None]) -> Iterator[list[str]]:
    """Yield each list of items whose replay may be the state after all of them, the likeliest first.

    A session that never lost its snapshot remembers every event. One that was rebuilt, now or earlier, began with a
    full window then: at any event that has a window after it.
    """
    starts = [0, *range(len(items) - WINDOW, 0, -1)]
    for start in starts:
        known = [item for item in items[start:] if item is not None]
        if len(known) == len(items) - start:
            yield known


def _before(told: Evidence, tag: bytes, at: int) -> bool:
    sent = told.sent[tag].occurred_at
    return sent is not None and sent < at


def _acknowledged_order_fault(tags: Sequence[bytes], told: Evidence) -> str | None:
    """Events without a time: whoever was acknowledged before another was first sent must come before it."""
    latest_sent = float("-inf")
    for place, tag in enumerate(tags):
        sent = told.sent.get(tag)
        if sent is None or sent.occurred_at is not None:
            continue
        if told.acknowledged_since.get(tag, float("inf")) < latest_sent:
            return f"event {place} was acknowledged before one was sent that stands before it"
        latest_sent = max(latest_sent, told.first_sent[tag])
    return None

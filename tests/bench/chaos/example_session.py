"""An example session: the calls of its client, and its record in a store without faults."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.chaos.journal import Call, SentEvent
from devstack.stack import KEY_SECRET
from nextitem.model.engine import Model
from nextitem.sessions.codec import event_tag, next_chain
from nextitem.sessions.keys import session_key
from nextitem.sessions.session import WINDOW, LogEntry, SessionRecord, Snapshot

LENGTH = 6
LONG = 100
PRIME = 311
"""Smaller than the demo model's catalogue, so that no two events of a session have the same item."""
SESSION = "session"
HASH_KEY = session_key(KEY_SECRET.encode(), SESSION).hash_key
LIMIT = 20


@dataclass(frozen=True)
class Example:
    """A session with a call each second, each with the model's own answer."""

    model: Model
    events: list[SentEvent]
    calls: list[Call]
    record: SessionRecord

    @property
    def items(self) -> list[int]:
        return self.model.vocabulary.indices(event.item_id for event in self.events)


def example_of(model: Model, length: int = LENGTH) -> Example:
    events = [SentEvent(f"e{number}", model.vocabulary.item_id(number * 17 % PRIME)) for number in range(length)]
    calls = [call_at(model, events, place, at=place) for place in range(length)]
    return Example(model, events, calls, record_of(model, events))


def call_at(model: Model, events: Sequence[SentEvent], place: int, *, at: float) -> Call:
    """Return the call that appended one of the events, with the right answer."""
    items = model.vocabulary.indices(event.item_id for event in events[: place + 1])
    ranked = model.top(model.replay(None, items), (), LIMIT, items[-WINDOW:])
    return Call(
        session_id=SESSION,
        events=(events[place],),
        started=at,
        ended=at + 0.5,
        status=200,
        served_by="session",
        stored=True,
        session_length=place + 1,
        statuses=("applied",),
        top=tuple((model.vocabulary.item_id(item.index), item.score) for item in ranked),
    )


def record_of(model: Model, events: Sequence[SentEvent]) -> SessionRecord:
    """Return the record of a session of these events: a log trimmed to the window, a snapshot of all events."""
    log: list[LogEntry] = []
    chain = b""
    for at, event in enumerate(events):
        tag = event_tag(HASH_KEY, event.event_id)
        chain = next_chain(chain, tag, event.item_id, event.type)
        log.append(LogEntry(at, tag, event.item_id, chain, event.type))
    items = model.vocabulary.indices(event.item_id for event in events)
    return SessionRecord(len(log), tuple(log[-WINDOW:]), Snapshot(chain, model.replay(None, items)))


def seen_of(events: Sequence[SentEvent]) -> bytes:
    """Return the tags that were trimmed from the log of a session of these events."""
    return b"".join(event_tag(HASH_KEY, event.event_id) for event in events[:-WINDOW])

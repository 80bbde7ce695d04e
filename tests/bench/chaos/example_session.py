"""A made-up session: what its clients sent and heard, and what a store without faults has of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.chaos.journal import Call, SentEvent
from nextitem.model.engine import Model
from nextitem.sessions.codec import event_tag, next_chain
from nextitem.sessions.session import WINDOW, LogEntry, SessionRecord, Snapshot

LENGTH = 6
LONG = 100
PRIME = 311
"""Fewer than the demo model's items, so that no two events of a story have the same item."""
SESSION = "session"
LIMIT = 20


@dataclass(frozen=True)
class Story:
    """One session, event by event: a call each second, each with the model's own answer."""

    model: Model
    events: list[SentEvent]
    calls: list[Call]
    record: SessionRecord

    @property
    def items(self) -> list[int]:
        return self.model.vocabulary.indices(one.item_id for one in self.events)


def story_of(model: Model, length: int = LENGTH) -> Story:
    events = [SentEvent(f"e{number}", model.vocabulary.item_id(number * 17 % PRIME)) for number in range(length)]
    calls = [call_at(model, events, place, at=place) for place in range(length)]
    return Story(model, events, calls, record_of(model, events))


def call_at(model: Model, events: Sequence[SentEvent], place: int, *, at: float) -> Call:
    """The call that brought one of the events, and its true answer."""
    items = model.vocabulary.indices(one.item_id for one in events[: place + 1])
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
        top=tuple((model.vocabulary.item_id(one.index), one.score) for one in ranked),
    )


def record_of(model: Model, events: Sequence[SentEvent]) -> SessionRecord:
    """The record of a session of these events, trimmed to the window, its snapshot up to date and of all events."""
    log: list[LogEntry] = []
    chain = b""
    for at, event in enumerate(events):
        tag = event_tag(event.event_id)
        chain = next_chain(chain, tag, event.item_id.encode())
        log.append(LogEntry(at, tag, event.item_id, chain))
    items = model.vocabulary.indices(one.item_id for one in events)
    return SessionRecord(len(log), tuple(log[-WINDOW:]), Snapshot(chain, model.replay(None, items)))


def seen_of(events: Sequence[SentEvent]) -> bytes:
    """The tags that were trimmed from the log of a session of these events."""
    return b"".join(event_tag(event.event_id) for event in events[:-WINDOW])

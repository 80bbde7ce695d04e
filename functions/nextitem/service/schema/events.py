"""Requests with events: the body, and the checked request."""

import os
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from nextitem.event_types import VIEW
from nextitem.service.event_times import Time, place_in_time
from nextitem.service.schema.answers import AppendedEvent
from nextitem.service.schema.limits import MAX_EVENTS, Id, Label
from nextitem.service.schema.options import RankingOptions
from nextitem.sessions.keys import SessionName
from nextitem.sessions.session import Event


class EventBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One event.

    `recommendation_id` names the answer from which the visitor came to the item. `type` says what happened to the item.
    """

    item_id: Id
    event_id: Id | None = None
    occurred_at: Time | None = None
    recommendation_id: Id | None = None
    type: Label | None = None


class EventsBody(RankingOptions, frozen=True):
    """The body of `append_events`.

    `sent_at` is the client's time of sending, which corrects a wrong clock. `on_invalid` says whether a wrong event
    refuses the whole body, or is skipped.
    """

    events: Annotated[list[EventBody], msgspec.Meta(min_length=1, max_length=MAX_EVENTS)]
    sent_at: Time | None = None
    store: bool = True
    on_invalid: Literal["reject", "skip"] = "reject"


class EventsRequest(msgspec.Struct, frozen=True):
    """`append_events`, checked, as of `now` (epoch milliseconds).

    The events are in order of occurrence; `order[i]` is the position of `events[i]` in the body. `skipped` has the
    invalid events by their positions.
    """

    session: SessionName
    events: tuple[Event, ...]
    order: tuple[int, ...]
    options: RankingOptions
    store: bool
    now: int
    skipped: Mapping[int, AppendedEvent] = {}


def events_request(
    session: SessionName, body: EventsBody, now: int, skipped: Mapping[int, AppendedEvent] | None = None
) -> EventsRequest:
    """Return the request with an id for each event, and the events in order of occurrence.

    Args:
        session: the session.
        body: the checked body.
        now: epoch milliseconds.
        skipped: the invalid events by their positions.
    """
    placed = place_in_time([event.occurred_at for event in body.events], body.sent_at, now)
    events = tuple(_event(body.events[place], time) for place, time in placed)
    order = tuple(place for place, _ in placed)
    if skipped:
        places = [place for place in range(len(order) + len(skipped)) if place not in skipped]
        order = tuple(places[place] for place in order)
    return EventsRequest(session, events, order, body, body.store, now, skipped or {})


def _event(event: EventBody, occurred_at: int | None) -> Event:
    event_id = event.event_id or os.urandom(12).hex()
    return Event(event.item_id, event_id, occurred_at, event.recommendation_id, event.type or VIEW)

"""The schema of the API: converts JSON bodies to typed requests, answers to JSON. All limits of requests are here."""

import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from nextitem.errors import RequestError
from nextitem.ids import ID_PATTERN, MISSING_VALUES, session_id_fault
from nextitem.model.manifest import MAX_TOP
from nextitem.service.event_times import Time, place_in_time
from nextitem.sessions.keys import SessionName
from nextitem.sessions.session import WINDOW, Event

MAX_BODY_BYTES = 256 * 1024
MAX_EVENTS = WINDOW
"""The maximum of events, or of items, in one request."""
MAX_EXCLUDED = 500
MAX_ONLY = 1000
"""The maximum of candidates that one request may have ranked."""
DEFAULT_LIMIT = 20
MAX_DEADLINE_MS = 10_000

Id = Annotated[str, msgspec.Meta(pattern=ID_PATTERN)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=MAX_TOP)]
DeadlineMs = Annotated[int, msgspec.Meta(ge=1, le=MAX_DEADLINE_MS)]
Excluded = Annotated[list[Id], msgspec.Meta(max_length=MAX_EXCLUDED)]
Candidates = Annotated[list[Id], msgspec.Meta(max_length=MAX_ONLY)]
Operation = Literal["append_events", "get_recommendations", "delete_session", "recommend", "health"]
ServedBy = Literal["session", "stateless", "popular"]
EventStatus = Literal["applied", "duplicate", "late", "too_old", "unknown_item", "invalid"]


class EventBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One event.

    `recommendation_id` names the answer from which the visitor came to the item.
    """

    item_id: Id
    event_id: Id | None = None
    occurred_at: Time | None = None
    recommendation_id: Id | None = None


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of an operation that takes no fields."""


class RankingOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of any request for recommendations.

    With `only`, just these candidates are ranked. Where `exclude_seen` is None, the route's setting holds, or else the
    deployment's.
    """

    limit: Limit = DEFAULT_LIMIT
    only: Candidates | None = None
    exclude: Excluded = []
    exclude_seen: bool | None = None
    deadline_ms: DeadlineMs | None = None


class EventsBody(RankingOptions, frozen=True):
    """The body of `append_events`.

    `sent_at` is the client's time of sending, which corrects a wrong clock. `on_invalid` says whether a wrong event
    refuses the whole body, or is skipped.
    """

    events: Annotated[list[EventBody], msgspec.Meta(min_length=1, max_length=MAX_EVENTS)]
    sent_at: Time | None = None
    store: bool = True
    on_invalid: Literal["reject", "skip"] = "reject"


class ItemsBody(RankingOptions, frozen=True):
    """The body of `recommend`: the items that the visitor looked at, oldest first."""

    item_ids: Annotated[list[Id], msgspec.Meta(max_length=MAX_EVENTS)] = []


class Recommendation(msgspec.Struct, frozen=True):
    """An item and its score. Compare scores only within one answer."""

    item_id: str
    score: float


class AppendedEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome of one event of the request; of an invalid one also its wrong field and the fault."""

    event_id: str | None
    item_id: str | None
    status: EventStatus
    field: str | None = None
    detail: str | None = None


class ServedModel(msgspec.Struct, frozen=True):
    """The model version that answered, and its variant on the route."""

    version: str
    variant: str


class Answer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The answer to any request for recommendations. Fields that do not apply are omitted.

    `stored` says whether the session store has the request's events. An event that follows from this answer may name
    its `recommendation_id`.
    """

    session_id: str | None = None
    recommendations: list[Recommendation]
    events: list[AppendedEvent] | None = None
    session_length: int | None = None
    stored: bool | None = None
    recommendation_id: str | None = None
    served_by: ServedBy
    model: ServedModel


class Health(msgspec.Struct, frozen=True):
    """The answer of `health`."""

    status: Literal["ok"]
    model: ServedModel
    store: Literal["ok", "unavailable"]


class Problem(msgspec.Struct, frozen=True):
    """A problem document (RFC 9457). `errors` names each wrong field."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    errors: list[dict[str, str]] | msgspec.UnsetType = msgspec.UNSET


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


class SessionRequest(msgspec.Struct, frozen=True):
    """`get_recommendations`, checked."""

    session: SessionName
    options: RankingOptions


class ItemsRequest(msgspec.Struct, frozen=True):
    """`recommend`, checked."""

    item_ids: tuple[str, ...]
    options: RankingOptions


_Body = TypeVar("_Body")


def parse(
    body: bytes | dict[str, Any], kind: type[_Body], *, strict: bool = True, envelope_fields: Sequence[str] = ()
) -> _Body:
    """Convert a body to typed values, see `parse_or_skip`."""
    return parse_or_skip(body, kind, strict=strict, envelope_fields=envelope_fields)[0]


def parse_or_skip(
    body: bytes | dict[str, Any], kind: type[_Body], *, strict: bool = True, envelope_fields: Sequence[str] = ()
) -> tuple[_Body, dict[int, AppendedEvent]]:
    """Convert a body to typed values; return also the invalid events that it asked to skip, by their positions.

    Args:
        body: JSON text, or a decoded document.
        kind: the struct to convert to.
        strict: False to accept numbers and booleans as text, as in a query string.
        envelope_fields: names of the invoke itself, suggested for a misspelt field.

    Raises:
        RequestError: 413, the body is over `MAX_BODY_BYTES`; 400, it is not JSON; 422, a field is missing, unknown or
            wrong.
    """
    if isinstance(body, bytes) and len(body) > MAX_BODY_BYTES:
        detail = f"the body has {len(body)} bytes, more than {MAX_BODY_BYTES}"
        raise RequestError(413, "Content too large", detail)
    try:
        if isinstance(body, bytes):
            return msgspec.json.decode(body, type=kind), {}
        msgspec.json.encode(body)  # refuses half a surrogate pair here, before an id is encoded
        if not strict and any(str(value).lower() in MISSING_VALUES for value in body.values()):
            raise msgspec.ValidationError("not strict, msgspec reads the text null as a missing value")
        return msgspec.convert(body, kind, strict=strict), {}
    except (msgspec.DecodeError, UnicodeError, RecursionError):  # a ValidationError is a DecodeError
        from nextitem.service import second_reading  # imported lazily: few bodies need it

        value, invalid = second_reading.parse(body, kind, strict=strict, envelope_fields=envelope_fields)
        return value, {place: AppendedEvent(*ids, "invalid", *fault) for place, (ids, fault) in invalid.items()}


def checked_session_id(text: object) -> str:
    """Return a session id if it is valid.

    Raises:
        RequestError: 422, it is not a string, or `session_id_fault` finds a fault.
    """
    fault = session_id_fault(text) if isinstance(text, str) else "must be a string"
    if fault is not None:
        raise RequestError(422, "Unprocessable content", f"session_id {fault}", field="session_id")
    return str(text)


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


def encode(answer: msgspec.Struct) -> str:
    """Return an answer as JSON text."""
    return msgspec.json.encode(answer).decode()


def to_document(answer: msgspec.Struct) -> Any:
    """Return an answer as a document of dicts, lists and scalars."""
    return msgspec.to_builtins(answer)


def problem_of(error: RequestError) -> Problem:
    """Return the problem document of a refused request."""
    errors = [fault._asdict() for fault in error.faults] or msgspec.UNSET
    return Problem(error.title, error.status, str(error), errors=errors)


def _event(event: EventBody, occurred_at: int | None) -> Event:
    return Event(event.item_id, event.event_id or os.urandom(12).hex(), occurred_at, event.recommendation_id)

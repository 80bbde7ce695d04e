"""Answers, and their conversion to JSON."""

from typing import Any, Literal

import msgspec

from nextitem.errors import RequestError

ServedBy = Literal["session", "stateless", "popular", "similar", "trending"]
Reason = Literal["session", "memory", "popular", "promoted", "new", "similar"]
EventStatus = Literal["applied", "duplicate", "late", "too_old", "unknown_item", "invalid"]


class Recommendation(msgspec.Struct, frozen=True, omit_defaults=True):
    """An item and its score, the logarithm of the probability that it is the next one.

    `because` is the item of the session that moved this one most.
    """

    item_id: str
    score: float
    reason: Reason | None = None
    because: str | None = None
    fields: dict[str, str | list[str] | float | int | bool | None] | None = None


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

    `next` is the cursor of the next page, if there may be one. `stored` says whether the session store has the events
    of the request. An event that follows from this answer may name its `recommendation_id`.
    """

    session_id: str | None = None
    recommendations: list[Recommendation]
    next: str | None = None
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

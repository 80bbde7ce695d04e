"""Requests and answers of the API as typed values. Unknown fields of answers are ignored: the service may be newer."""

import time
import uuid
from typing import Any, Literal, NotRequired, TypedDict

import msgspec

MAX_EVENTS = 64
"""The maximum of events in one request."""


def now_ms() -> int:
    """Return the wall clock in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def _new_id() -> str:
    return uuid.uuid4().hex


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """A visitor looked at an item, put it in the cart, or bought it.

    Id and time are set here, before the first try, so that every later try sends the same ones and the event counts
    once.

    Attributes:
        item_id: of the item.
        event_id: unique in the session.
        occurred_at: epoch milliseconds, by this machine's clock; requests send the clock, too, so it may be wrong.
        recommendation_id: of the answer that led the visitor to the item.
        type: ``view``, ``cart``, ``purchase``, ``like``, or another label of the shop.
    """

    item_id: str
    event_id: str = msgspec.field(default_factory=_new_id)
    occurred_at: int = msgspec.field(default_factory=now_ms)
    recommendation_id: str | None = None
    type: str = "view"


Filter = dict[str, Any]
"""A filter as JSON, such as ``{"category": "shoes", "price": {"lt": 50}}``; docs/api.md describes them."""
Value = str | list[str] | float | int | bool | None
"""A value of a catalogue's column; a time is a text of ISO 8601, and None a missing value."""


class Boost(TypedDict):
    """Items whose probability is multiplied by a factor."""

    filter: Filter
    factor: float


class Promotion(TypedDict):
    """Items that get a share of the places: `items`, or those of which `filter` is true."""

    share: float
    items: NotRequired[list[str]]
    filter: NotRequired[Filter]


class Diversity(TypedDict):
    """At most `max` items of each value of a column; with `mmr`, items that are unlike those before them."""

    field: NotRequired[str]
    max: NotRequired[int]
    mmr: NotRequired[float]


class Pin(TypedDict):
    """An item's place, from 1."""

    item_id: str
    place: int


class ListOptions(TypedDict, total=False):
    """Options of every request for a list of items; docs/api.md describes them."""

    limit: int
    only: list[str]
    exclude: list[str]
    after: str
    fields: list[str]
    placement: str
    filter: Filter
    boost: list[Boost]
    diversity: Diversity


class TrendingOptions(ListOptions, total=False):
    """Options of `trending`."""

    category: str


class SteeredOptions(ListOptions, total=False):
    """Options of every request for recommendations."""

    promote: list[Promotion]
    pin: list[Pin]
    explain: bool


class RankingOptions(SteeredOptions, total=False):
    """Options of every request for recommendations to a visitor."""

    exclude_seen: bool
    explore: float


class AppendOptions(RankingOptions, total=False):
    """Options of `append_events`."""

    store: bool
    on_invalid: Literal["reject", "skip"]


class Recommendation(msgspec.Struct, frozen=True):
    """An item and its score, the logarithm of the probability that it is the next one.

    Attributes:
        reason: ``promoted`` or ``new`` where the shop's rules gave it the place; with the option `explain` else
            ``session``, ``memory``, ``popular`` or ``similar``.
        because: with `explain`, the item of the session that moved this one most.
        fields: the values of the columns that the option `fields` names.
    """

    item_id: str
    score: float
    reason: str | None = None
    because: str | None = None
    fields: dict[str, Value] | None = None


class AppendedEvent(msgspec.Struct, frozen=True):
    """The outcome of one event.

    Attributes:
        status: ``applied``, ``duplicate``, ``late``, ``too_old``, ``unknown_item`` or ``invalid``. A string, because a
            newer service may know more.
        field: the wrong field of an invalid event.
        detail: its fault.
    """

    event_id: str | None
    item_id: str | None
    status: str
    field: str | None = None
    detail: str | None = None


class ServedModel(msgspec.Struct, frozen=True):
    """The model version that answered, and its variant on the route."""

    version: str
    variant: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request for recommendations; a field that does not apply is None.

    Attributes:
        next: the option `after` of the next page; None: there is none.
        served_by: ``session``, ``stateless``, ``similar``, ``trending`` or ``popular``.
        stored: whether the session has the request's events. If not, send them again; `EventQueue` does.
    """

    session_id: str | None = None
    recommendations: list[Recommendation]
    next: str | None = None
    events: list[AppendedEvent] | None = None
    session_length: int | None = None
    stored: bool | None = None
    recommendation_id: str | None = None
    served_by: str
    model: ServedModel


class Health(msgspec.Struct, frozen=True):
    """The answer of `health`; `store` is ``ok`` or ``unavailable``."""

    status: str
    model: ServedModel
    store: str


class Problem(msgspec.Struct, frozen=True):
    """A problem document (RFC 9457). Each of `errors` has a wrong `field` and its `detail`."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    errors: list[dict[str, str]] = []

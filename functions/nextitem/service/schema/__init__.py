"""The schema of the API: converts JSON bodies to typed requests, answers to JSON. All limits of requests are here."""

from typing import Literal

from nextitem.service.schema.answers import (
    Answer,
    AppendedEvent,
    EventStatus,
    Health,
    Problem,
    Reason,
    Recommendation,
    ServedBy,
    ServedModel,
    encode,
    problem_of,
    to_document,
)
from nextitem.service.schema.events import (
    EventBody,
    EventsBody,
    EventsRequest,
    events_request,
)
from nextitem.service.schema.limits import (
    DEFAULT_LIMIT,
    MAX_BODY_BYTES,
    MAX_CURSOR_CHARS,
    MAX_DEADLINE_MS,
    MAX_EVENTS,
    MAX_EXCLUDED,
    MAX_ONLY,
    MAX_SHOWN,
    Id,
)
from nextitem.service.schema.options import (
    ItemsBody,
    ItemsRequest,
    ListOptions,
    NoOptions,
    RankingOptions,
    SessionRequest,
    SimilarRequest,
    SteeredOptions,
    TrendingOptions,
    TrendingRequest,
    ranking_options_of,
    similar_request,
)
from nextitem.service.schema.paging import cursor_after, shown_before
from nextitem.service.schema.parsing import (
    checked_item_id,
    checked_session_id,
    parse,
    parse_or_skip,
)
from nextitem.service.schema.steering import BoostBody, DiversityBody, PinBody, PromotionBody

Operation = Literal[
    "append_events", "get_recommendations", "delete_session", "recommend", "similar", "trending", "health"
]

__all__ = [
    "DEFAULT_LIMIT",
    "MAX_BODY_BYTES",
    "MAX_CURSOR_CHARS",
    "MAX_DEADLINE_MS",
    "MAX_EVENTS",
    "MAX_EXCLUDED",
    "MAX_ONLY",
    "MAX_SHOWN",
    "Answer",
    "AppendedEvent",
    "BoostBody",
    "DiversityBody",
    "EventBody",
    "EventStatus",
    "EventsBody",
    "EventsRequest",
    "Health",
    "Id",
    "ItemsBody",
    "ItemsRequest",
    "ListOptions",
    "NoOptions",
    "Operation",
    "PinBody",
    "Problem",
    "PromotionBody",
    "RankingOptions",
    "Reason",
    "Recommendation",
    "ServedBy",
    "ServedModel",
    "SessionRequest",
    "SimilarRequest",
    "SteeredOptions",
    "TrendingOptions",
    "TrendingRequest",
    "checked_item_id",
    "checked_session_id",
    "cursor_after",
    "encode",
    "events_request",
    "parse",
    "parse_or_skip",
    "problem_of",
    "ranking_options_of",
    "shown_before",
    "similar_request",
    "to_document",
]

"""The options of requests for recommendations, and the requests that are no events."""

from typing import Annotated

import msgspec

from nextitem.service.schema.limits import (
    DEFAULT_LIMIT,
    MAX_EVENTS,
    Candidates,
    Category,
    Cursor,
    DeadlineMs,
    Excluded,
    Explore,
    Id,
    Label,
    Limit,
)
from nextitem.service.schema.steering import Boosts, DiversityBody, Fields, FilterDocument, Pins, Promotions
from nextitem.sessions.keys import SessionName


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of an operation that takes no fields."""


class ListOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of any request for a list of items.

    With `only`, just these candidates are ranked. `after` is the `next` of an answer; once a request is parsed, its
    items are in `exclude`, too. `placement` says where on the page the items stand. `filter`, `boost` and `diversity`
    are the shop's rules.
    """

    limit: Limit = DEFAULT_LIMIT
    only: Candidates | None = None
    exclude: Excluded = []
    after: Cursor | None = None
    fields: Fields = []
    deadline_ms: DeadlineMs | None = None
    placement: Label | None = None
    filter: FilterDocument | None = None
    boost: Boosts = []
    diversity: DiversityBody | None = None


class SteeredOptions(ListOptions, frozen=True, kw_only=True):
    """The options of any request for recommendations: also what the shop promotes, and whether to explain them."""

    promote: Promotions = []
    pin: Pins = []
    explain: bool = False


class RankingOptions(SteeredOptions, frozen=True, kw_only=True):
    """The options of any request for recommendations to a visitor.

    Where `exclude_seen` or `explore` is None, the route's setting holds, or else the deployment's.
    """

    exclude_seen: bool | None = None
    explore: Explore | None = None


class ItemsBody(RankingOptions, frozen=True):
    """The body of `recommend`: the items that the visitor looked at, oldest first."""

    item_ids: Annotated[list[Id], msgspec.Meta(max_length=MAX_EVENTS)] = []


class SessionRequest(msgspec.Struct, frozen=True):
    """`get_recommendations`, checked."""

    session: SessionName
    options: RankingOptions


class ItemsRequest(msgspec.Struct, frozen=True):
    """`recommend`, checked."""

    item_ids: tuple[str, ...]
    options: RankingOptions


class TrendingOptions(ListOptions, frozen=True, kw_only=True):
    """The options of `trending`. `category` is a value of the field that the deployment counts by."""

    category: Category | None = None


def ranking_options_of(options: ListOptions) -> RankingOptions:
    """Return options of a list as those of a ranking."""
    return RankingOptions(**{name: getattr(options, name) for name in ListOptions.__struct_fields__})


class TrendingRequest(msgspec.Struct, frozen=True):
    """`trending`, checked, as of `now` (epoch milliseconds)."""

    options: TrendingOptions
    now: int


class SimilarRequest(msgspec.Struct, frozen=True):
    """`similar`, checked. `options` always leaves out the item itself."""

    item_id: str
    options: RankingOptions


def similar_request(item_id: str, options: SteeredOptions) -> SimilarRequest:
    """Return the request for the items that are most similar to one."""
    given = msgspec.structs.asdict(options) | {"exclude": [*options.exclude, item_id]}  # a pin does not bring it back
    return SimilarRequest(item_id, RankingOptions(**given, exclude_seen=True, explore=0.0))

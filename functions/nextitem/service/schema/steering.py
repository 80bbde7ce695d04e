"""The options by which a shop steers an answer. Filters are parsed later, against the route's catalogue."""

from typing import Annotated, Any

import msgspec

from nextitem.service.schema.limits import MAX_ONLY, Id, Limit

MAX_BOOSTS = 3
"""The maximum of boosts. The engine ranks the items of each combination of boosts by themselves: up to 8 rankings."""
MAX_FACTOR = 1000
MAX_PROMOTIONS = 5
MAX_PINS = 20
MAX_FIELDS = 20
MAX_FIELD_CHARS = 128

FilterDocument = Annotated[dict[str, Any], msgspec.Meta(title="Filter", min_length=1)]
"""A filter as JSON: see `nextitem.catalogue.filters`."""
FieldName = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_FIELD_CHARS)]
Fields = Annotated[list[FieldName], msgspec.Meta(max_length=MAX_FIELDS)]


class BoostBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Items whose probability is multiplied by a factor."""

    filter: FilterDocument
    factor: Annotated[float, msgspec.Meta(ge=1 / MAX_FACTOR, le=MAX_FACTOR)]


class PromotionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Items that get a share of the places: those with some ids, or those that a filter keeps."""

    share: Annotated[float, msgspec.Meta(gt=0, le=1)]
    items: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=MAX_ONLY)] | None = None
    filter: FilterDocument | None = None


class DiversityBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most `max` items of each value of a field; with `mmr`, items that are unlike those before them."""

    field: FieldName | None = None
    max: Limit | None = None
    mmr: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None


class PinBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An item's place in the answer, from 1."""

    item_id: Id
    place: Limit


Boosts = Annotated[list[BoostBody], msgspec.Meta(max_length=MAX_BOOSTS)]
Promotions = Annotated[list[PromotionBody], msgspec.Meta(max_length=MAX_PROMOTIONS)]
Pins = Annotated[list[PinBody], msgspec.Meta(max_length=MAX_PINS)]

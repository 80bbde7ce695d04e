"""What trends: which events count, and the list of items by their counts."""

from collections.abc import Iterator, Sequence

import msgspec

from nextitem.catalogue.columns import TextColumn
from nextitem.catalogue.served_items import NOT_SERVED, ServedItems
from nextitem.errors import RequestError
from nextitem.model.engine import RankedItem
from nextitem.service.ranking import Ranking
from nextitem.service.router import RoutedModel
from nextitem.service.schema import EventsRequest, TrendingOptions
from nextitem.sessions.session import Status
from nextitem.sessions.trends import MAX_GROUPS, Count, Trend, Trends


class Trending(msgspec.Struct, frozen=True):
    """How a deployment counts what trends.

    Attributes:
        trends: where the counts are.
        field: the catalogue's field by whose values items are counted, too; None for none.
    """

    trends: Trends
    field: str | None = None


def counts_of(
    routed: RoutedModel, trending: Trending, request: EventsRequest, statuses: Sequence[Status]
) -> list[Count]:
    """Return what a request's events add to the counts: those that are new and whose item can be recommended."""
    return list(_counts(routed.items, trending.field, request, statuses))


def _counts(
    items: ServedItems, field: str | None, request: EventsRequest, statuses: Sequence[Status]
) -> Iterator[Count]:
    for event, status in zip(request.events, statuses, strict=True):
        if status not in {"applied", "late"} or (index := items.index(event.item_id)) is None:
            continue
        at = request.now if event.occurred_at is None else event.occurred_at
        yield Count(event.item_id, at, _groups(items, index, field))


def _groups(items: ServedItems, index: int, field: str | None) -> tuple[str, ...]:
    if field is None or items.catalogue is None or not isinstance(items.catalogue.columns.get(field), TextColumn):
        return ()
    value = items.fields(index, [field]).get(field)
    texts = [value] if isinstance(value, str) else value or []
    return tuple(texts[:MAX_GROUPS])


def check_category(routed: RoutedModel, trending: Trending | None, options: TrendingOptions) -> None:
    """Check that a request's category can be answered.

    Raises:
        RequestError: 422, the deployment does not count by a field, or the catalogue has no such field of texts.
    """
    if options.category is None:
        return
    field = None if trending is None else trending.field
    if field is None:
        detail = "trending items are not counted by category here: the deployment's TrendingField names no field"
    elif routed.items.catalogue is None or not isinstance(routed.items.catalogue.columns.get(field), TextColumn):
        detail = f"the route's catalogue has no field of texts with the name {field}"
    else:
        return
    raise RequestError(422, "Unprocessable content", f"category: {detail}", field="category")


def rank_trending(
    routed: RoutedModel, trending: Trending | None, trends: Sequence[Trend], options: TrendingOptions
) -> Ranking:
    """Return the items that trend, best first; where there are none, the most popular ones of the training data.

    Args:
        routed: the model that answers, and its items.
        trending: how the deployment counts; None: it does not.
        trends: items with their counts, highest first.
        options: which items may be listed, and how many.
    """
    items, field = routed.items, None if trending is None else trending.field
    left_out = set(items.indices(options.exclude))
    only = None if options.only is None else items.indices(options.only)
    wanted = None if only is None else set(only)
    listed = []
    for item_id, score in trends:
        index = items.index(item_id)
        if index is None or index in left_out or (wanted is not None and index not in wanted):
            continue
        if len(items.unavailable) and items.unavailable[index]:
            continue
        if options.category is not None and options.category not in _groups(items, index, field):
            continue  # the catalogue has changed
        listed.append(RankedItem(index, score))
        if len(listed) == options.limit:
            break
    if listed:
        return Ranking("trending", listed)
    if (members := _in_category(items, field, options.category)) is not None:
        only = [index for index in members if wanted is None or index in wanted]
    return Ranking("popular", routed.model.popular(sorted(left_out), options.limit, only, items.unavailable))


def _in_category(items: ServedItems, field: str | None, category: str | None) -> list[int] | None:
    """Return the indices of a category's items; None for all items."""
    if category is None or field is None or items.catalogue is None or items.index_of is None:
        return None
    column = items.catalogue.columns[field]
    code = column.values.code_of(category) if isinstance(column, TextColumn) else None
    if code is None or not isinstance(column, TextColumn):
        return []
    indices = items.index_of[column.positions(code)]
    return [int(index) for index in indices if index != NOT_SERVED]

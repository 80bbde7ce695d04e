"""Trending items: which events count, and the list of items by their counts."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from nextitem.catalogue.served_items import ServedItems
from nextitem.errors import RequestError
from nextitem.model.engine import RankedItem
from nextitem.service.ranking import Ranking
from nextitem.service.schema import EventsRequest, TrendingOptions, ranking_options_of
from nextitem.service.serving import RoutedModel
from nextitem.service.steering.compose import compose
from nextitem.service.steering.parsed_options import NO_CATALOGUE, ParsedOptions, parse_options, plan_of
from nextitem.service.steering.pool import Pool
from nextitem.service.steering.ranker import PopularRanker, Ranker
from nextitem.sessions.session import Status
from nextitem.sessions.trends import MAX_GROUPS, Count, Trend, Trends

if TYPE_CHECKING:
    from nextitem.catalogue.file import Catalogue


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
    column = None if field is None or items.catalogue is None else items.catalogue.columns.get(field)
    if field is None or column is None or column.kind not in {"string", "strings"}:
        return ()
    value = items.fields(index, [field]).get(field)
    texts = [value] if isinstance(value, str) else value or []
    return tuple(texts[:MAX_GROUPS])


def parse_trending(options: TrendingOptions, trending: Trending | None, catalogue: "Catalogue | None") -> ParsedOptions:
    """Parse the options of a request; a category becomes a part of the filter.

    Raises:
        RequestError: 422, the options do not fit the catalogue, or the deployment does not count by a field.
    """
    parsed = parse_options(ranking_options_of(options), catalogue)
    if options.category is None:
        return parsed
    if trending is None or trending.field is None:
        detail = "is refused: the deployment counts by no field; its parameter TrendingField names one"
        raise RequestError(422, "Unprocessable content", f"category {detail}", field="category")
    if catalogue is None:
        raise RequestError(422, "Unprocessable content", f"category {NO_CATALOGUE}", field="category")
    from nextitem.catalogue.expressions import All  # imported lazily: few requests name a category
    from nextitem.catalogue.filters import parse_filter

    category = parse_filter({trending.field: options.category}, catalogue, "category")
    return msgspec.structs.replace(parsed, filter=category if parsed.filter is None else All((category, parsed.filter)))


def rank_trending(routed: RoutedModel, trends: Sequence[Trend], parsed: ParsedOptions) -> Ranking:
    """Return the items that trend, best first; where there are none, the most popular ones of the training data.

    Args:
        routed: the model that answers, and its items.
        trends: items with their counts, highest first.
        parsed: which items may be listed, how the shop weighs them, and how many are listed.
    """
    options, items = parsed.options, routed.items
    plan = plan_of(parsed, routed, (), items.indices(options.exclude))
    trending = compose(TrendingRanker(routed, trends), plan, options.limit)
    if trending.items:
        return Ranking("trending", *trending)
    return Ranking("popular", *compose(PopularRanker(routed), plan, options.limit))


class TrendingRanker(Ranker):
    """Ranks the items that trend by their counts; it has no others."""

    def __init__(self, routed: RoutedModel, trends: Sequence[Trend]) -> None:
        known = [(index, score) for item_id, score in trends if (index := routed.items.index(item_id)) is not None]
        self._scores = np.array([score for _, score in known], np.float64)
        self._indices = np.array([index for index, _ in known], np.int64)
        self._available = np.ones(len(known), np.bool_)
        if routed.items.unavailable.size:
            self._available = ~routed.items.unavailable[self._indices]

    def best(self, pool: Pool, exclude: Sequence[int], k: int) -> list[RankedItem]:
        """See `Ranker`."""
        kept = self._available & ~np.isin(self._indices, np.array([*exclude], np.int64))
        if pool.listed is not None:
            kept &= np.isin(self._indices, pool.listed)
        elif pool.left_out.size:
            kept &= ~pool.left_out[self._indices]
        (places,) = np.nonzero(kept)
        return [RankedItem(int(self._indices[place]), float(self._scores[place])) for place in places[:k]]

    def boosted(self, score: float, factor: float) -> float:
        """See `Ranker`."""
        return score * factor

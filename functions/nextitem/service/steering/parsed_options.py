"""Parse the steering of a request against the route's catalogue, then make the plan of its answer.

The modules of filters are imported lazily, as far as a request needs them: a cold start takes 1 to 2 ms less.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

import msgspec
import numpy as np

from nextitem.catalogue.selection import Selection, of_indices
from nextitem.catalogue.served_items import ServedItems
from nextitem.errors import RequestError
from nextitem.service.schema.options import ListOptions, RankingOptions, TrendingOptions, ranking_options_of
from nextitem.service.schema.steering import DiversityBody, PinBody, PromotionBody
from nextitem.service.serving import RoutedModel
from nextitem.service.steering.compose import SHARE_ROUNDING, Boost, Diversity, Plan, Promotion
from nextitem.service.steering.pool import EVERYTHING, Pool

if TYPE_CHECKING:
    from nextitem.catalogue.expressions import Filter
    from nextitem.catalogue.file import Catalogue
    from nextitem.service.steering.mmr import Mmr

NO_CATALOGUE = "needs a catalogue, and this route has none; `nextitem items publish FILE` adds one"


class ParsedOptions(msgspec.Struct, frozen=True):
    """The options of a request, with filters that fit the catalogue.

    Attributes:
        options: the request's options.
        filter: the filter; None if there is none.
        boosts: the filters of the boosts.
        promotions: those of the promotions; None for one that names its items.
    """

    options: RankingOptions
    filter: "Filter | None" = None
    boosts: "tuple[Filter, ...]" = ()
    promotions: "tuple[Filter | None, ...]" = ()


def parse_options(options: RankingOptions, catalogue: "Catalogue | None") -> ParsedOptions:
    """Parse the steering of a request.

    Raises:
        RequestError: 422, a filter or a field does not fit the catalogue, there is none, or wishes contradict each
            other.
    """
    check_fields(options.fields, catalogue)
    _check_pins(options.pin, options.limit)
    _check_promotions(options.promote)
    _check_diversity(options.diversity)
    first = next(_of_catalogue(options), None)
    if first is not None and catalogue is None:
        _refuse(first, NO_CATALOGUE)
    if first is None or catalogue is None:
        return ParsedOptions(options, promotions=(None,) * len(options.promote))
    from nextitem.catalogue.filters import column_of, parse_filter

    if options.diversity is not None and options.diversity.field is not None:
        column_of(options.diversity.field, catalogue, "diversity.field")
    return ParsedOptions(
        options,
        None if options.filter is None else parse_filter(options.filter, catalogue),
        tuple(parse_filter(boost.filter, catalogue, f"boost[{at}].filter") for at, boost in enumerate(options.boost)),
        tuple(
            None if promotion.filter is None else parse_filter(promotion.filter, catalogue, f"promote[{at}].filter")
            for at, promotion in enumerate(options.promote)
        ),
    )


def needs_attributes(options: ListOptions) -> bool:
    """Return whether a request can be answered only with the attributes of the route's catalogue."""
    if isinstance(options, TrendingOptions) and options.category is not None:
        return True
    ranking = options if isinstance(options, RankingOptions) else ranking_options_of(options)
    return bool(options.fields) or any(_of_catalogue(ranking))


def check_fields(names: Sequence[str], catalogue: "Catalogue | None") -> None:
    """Check that a catalogue has some columns.

    Raises:
        RequestError: 422, it has not, or there is no catalogue.
    """
    for place, name in enumerate(names):
        if catalogue is None:
            _refuse(f"fields[{place}]", NO_CATALOGUE)
        from nextitem.catalogue.filters import column_of

        column_of(name, catalogue, f"fields[{place}]")


def plan_of(parsed: ParsedOptions, routed: RoutedModel, session: Sequence[str], exclude: Sequence[int]) -> Plan:
    """Return the plan of an answer.

    Args:
        parsed: the request's options, parsed against the catalogue of `routed`.
        routed: the model that answers, and its items.
        session: the session's item ids, oldest first, for `same_as`.
        exclude: indices that must not be in the answer.
    """
    options, items, catalogue = parsed.options, routed.items, routed.items.catalogue
    last = catalogue.vocabulary.index(session[-1]) if catalogue is not None and session else None

    def selection_of(wanted: "Filter") -> Selection:
        from nextitem.catalogue.expressions import resolve
        from nextitem.catalogue.masks import select

        return select(wanted if catalogue is None else resolve(wanted, catalogue.columns, last), items)

    pool = EVERYTHING
    if options.only is not None:
        pool = Pool(np.array(list(dict.fromkeys(items.indices(options.only))), np.int64))
    if parsed.filter is not None and catalogue is not None:
        if pool.listed is None:
            pool = pool.keep(selection_of(parsed.filter))
        else:  # a look at the candidates alone
            from nextitem.catalogue.expressions import resolve
            from nextitem.catalogue.masks import keeps

            pool = Pool(pool.listed[keeps(resolve(parsed.filter, catalogue.columns, last), items, pool.listed)])
    boosts = [
        Boost(selection_of(wanted), boost.factor) for wanted, boost in zip(parsed.boosts, options.boost, strict=True)
    ]
    promotions = [
        Promotion(_named(promotion, items) if wanted is None else selection_of(wanted), promotion.share)
        for wanted, promotion in zip(parsed.promotions, options.promote, strict=True)
    ]
    not_pinned = set(items.indices(options.exclude))
    pins = {pin.place: index for pin in options.pin if (index := items.index(pin.item_id)) is not None}
    return Plan(
        len(items),
        pool,
        exclude,
        boosts,
        promotions,
        diversity_of(options.diversity, items),
        _mmr(options.diversity, routed),
        {place: index for place, index in pins.items() if index not in not_pinned},
    )


def _mmr(wanted: DiversityBody | None, routed: RoutedModel) -> "Mmr | None":
    if wanted is None or not wanted.mmr:
        return None
    from nextitem.service.steering.mmr import Mmr

    return Mmr(wanted.mmr, lambda indices: routed.model.rows(indices, routed.items.new_rows))


def diversity_of(wanted: DiversityBody | None, items: ServedItems) -> Diversity | None:
    """Return the rule that limits the items of a value; None without one."""
    if wanted is None or wanted.field is None or wanted.max is None:
        return None
    from nextitem.catalogue.expressions import value_conditions
    from nextitem.catalogue.masks import select

    field = wanted.field

    def values_of(index: int) -> "tuple[Filter, ...]":
        if items.catalogue is None or items.position_of is None or items.position_of[index] < 0:
            return ()
        return value_conditions(field, items.catalogue.columns[field], int(items.position_of[index]))

    return Diversity(wanted.max, values_of, lambda condition: select(condition, items))


def _named(promotion: PromotionBody, items: ServedItems) -> Selection:
    indices = sorted(set(items.indices(promotion.items or ())))
    return of_indices(np.array(indices, np.int64), len(items))


def _check_pins(pins: Sequence[PinBody], limit: int) -> None:
    seen: set[object] = set()
    for at, pin in enumerate(pins):
        if pin.place > limit:
            _refuse(f"pin[{at}].place", f"is beyond the answer's {limit} places; raise limit")
        for name, value in (("place", pin.place), ("item_id", pin.item_id)):
            if value in seen:
                _refuse(f"pin[{at}].{name}", "occurs twice: an item has one place, and a place one item")
            seen.add(value)


def _check_promotions(promotions: Sequence[PromotionBody]) -> None:
    for at, promotion in enumerate(promotions):
        if (promotion.items is None) == (promotion.filter is None):
            _refuse(f"promote[{at}]", "names either items or a filter")
    if sum(promotion.share for promotion in promotions) > 1 + SHARE_ROUNDING:
        _refuse("promote", "has shares of more than 1 together")


def _check_diversity(wanted: DiversityBody | None) -> None:
    if wanted is None:
        return
    for name, value, other in (("field", wanted.field, wanted.max), ("max", wanted.max, wanted.field)):
        if value is None and other is not None:
            _refuse(f"diversity.{name}", "is missing: field and max limit the items of a value together")
    if wanted.field is None and wanted.mmr is None:
        _refuse("diversity", "has field and max, or mmr, or all three")


def _of_catalogue(options: RankingOptions) -> Iterator[str]:
    """Yield the paths of what needs a catalogue."""
    if options.filter is not None:
        yield "filter"
    yield from (f"boost[{at}].filter" for at in range(len(options.boost)))
    yield from (f"promote[{at}].filter" for at, each in enumerate(options.promote) if each.filter is not None)
    if options.diversity is not None and options.diversity.field is not None:
        yield "diversity.field"


def _refuse(path: str, detail: str) -> NoReturn:
    raise RequestError(422, "Unprocessable content", f"{path} {detail}", field=path)

"""Compose an answer from a ranking and the shop's wishes, place by place.

The rules, in the order of their precedence:

1. `pins`: an item has its place, whatever else holds. Only an unavailable item, or one that the request excludes, has
   none.
2. `promotions`: of the first n places, ``share * n`` (rounded down) go to the best items of the promotion, if it has so
   many. Of several promotions that may have a place, the first has it, and the others have the next ones.
3. `diversity`: an item that would be the ``max + 1``-th with some value is passed over. Pinned items count from the
   start.
4. `mmr`: of the best `MMR_POOL` items, of a promotion or of the pool, the one comes next that is good and unlike all
   that have a place. Pinned items count from the start.
5. `boosts`: an item's probability is multiplied by the factors of all boosts that it is in.
6. The pool: all others are not in the answer.

A longer answer begins with a shorter one's items: no rule looks at the number of places.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import floor
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
import numpy as np

from nextitem.catalogue.selection import Selection
from nextitem.model.engine import RankedItem
from nextitem.service.steering.pool import EVERYTHING, Pool
from nextitem.service.steering.ranker import Ranker

if TYPE_CHECKING:
    from nextitem.catalogue.expressions import Filter
    from nextitem.service.steering.mmr import Mmr, Placed

FETCHED_PER_PLACE = 3
"""Ranked items for each place of an answer with diversity: a second ranking costs more than a longer one."""
MAX_FETCHED = 400
MMR_POOL = 200
"""Ranked items among which `mmr` chooses. It does not depend on the number of places."""
SHARE_ROUNDING = 1e-9
"""A share such as 0.1 has no exact float: a tenth of ten places must be one place."""

Placement = Literal["promoted", "new"]


class Boost(msgspec.Struct, frozen=True):
    """Items whose probability is multiplied by a factor, which is positive."""

    selection: Selection
    factor: float


class Promotion(msgspec.Struct, frozen=True):
    """Items that get a share of the places, and what the answer calls the reason.

    `ranker` orders them; None for the answer's.
    """

    selection: Selection
    share: float
    reason: Placement = "promoted"
    ranker: Ranker | None = None


class Diversity(msgspec.Struct, frozen=True):
    """At most `max` items of each value.

    Attributes:
        max: at least 1.
        values_of: the values of an item, each as the condition that is true of all items with it; none if the item
            counts for no value.
        selection_of: the items of which a condition is true.
    """

    max: int
    values_of: "Callable[[int], Sequence[Filter]]"
    selection_of: "Callable[[Filter], Selection]"


class Plan(msgspec.Struct, frozen=True):
    """The rules of one answer.

    Attributes:
        items: the number of all items.
        pool: the items that may be in the answer.
        exclude: indices of further items that must not be in it.
        boosts: see above.
        promotions: see above; the pool bounds them, too.
        diversity: see above; None for no rule.
        mmr: see above; None for no rule.
        pins: the items by their places, from 1.
    """

    items: int
    pool: Pool = EVERYTHING
    exclude: Sequence[int] = ()
    boosts: Sequence[Boost] = ()
    promotions: Sequence[Promotion] = ()
    diversity: Diversity | None = None
    mmr: "Mmr | None" = None
    pins: Mapping[int, int] = {}


class Composition(NamedTuple):
    """An answer: its items by their places, and why an item has a place that its score did not give it."""

    items: list[RankedItem]
    placements: Mapping[int, Placement]


def compose(ranker: Ranker, plan: Plan, k: int) -> Composition:
    """Return the items of an answer, in the order of their places.

    Args:
        ranker: scores the items.
        plan: the rules.
        k: the number of places; fewer are filled if the pool has no more items.
    """
    if not (plan.boosts or plan.promotions or plan.diversity or plan.mmr or plan.pins):
        return Composition(_best(ranker, plan.pool, plan.exclude, k), {})
    return _Places(ranker, plan, k).filled()


class _Places:
    """The places of one answer while they are filled."""

    def __init__(self, ranker: Ranker, plan: Plan, k: int) -> None:
        self._k = k
        self._pinned = _pinned(ranker, plan)
        self._used = {item.index for item in self._pinned.values()}
        self._placements: dict[int, Placement] = dict.fromkeys(self._used, "promoted")
        self._quota = _Quota(plan.diversity)
        self._placed = None if plan.mmr is None else _nothing_placed(plan.mmr)
        for index in sorted(self._used):
            self._count(index)
        fetched = k if plan.diversity is None else min(max(2 * k, MAX_FETCHED), FETCHED_PER_PLACE * k)
        if plan.mmr is not None:
            fetched = max(k, MMR_POOL)

        def stream(ranker: Ranker, pool: Pool) -> _Stream:
            return _Stream(ranker, plan, pool, fetched, self._quota, self._placed)

        self._others = stream(ranker, plan.pool)
        self._promoted = [
            (stream(promotion.ranker or ranker, plan.pool.keep(promotion.selection)), promotion)
            for promotion in plan.promotions
        ]
        self._taken = [0] * len(plan.promotions)

    def filled(self) -> Composition:
        placed: list[RankedItem] = []
        while len(placed) < self._k:
            place = len(placed) + 1
            item = self._pinned.pop(place, None) or self._promoted_at(place) or self._next(self._others)
            if item is None:
                break
            placed.append(item)
        late = [item for _, item in sorted(self._pinned.items())]  # there are fewer items than their places
        return Composition((placed + late)[: self._k], self._placements)

    def _promoted_at(self, place: int) -> RankedItem | None:
        for number, (stream, promotion) in enumerate(self._promoted):
            if floor(place * promotion.share + SHARE_ROUNDING) > self._taken[number]:
                item = self._next(stream)
                if item is not None:
                    self._taken[number] += 1
                    self._placements[item.index] = promotion.reason
                    return item
        return None

    def _next(self, stream: "_Stream") -> RankedItem | None:
        item = stream.next(self._used)
        if item is not None:
            self._used.add(item.index)
            self._count(item.index)
        return item

    def _count(self, index: int) -> None:
        self._quota.count(index)
        if self._placed is not None:
            self._placed.add(index)


class _Quota:
    """Counts the values of the items of an answer."""

    def __init__(self, diversity: Diversity | None) -> None:
        self._diversity = diversity
        self._counts: Counter[Filter] = Counter()
        self.full: list[Selection] = []
        """The items of each value that has its maximum."""

    def count(self, index: int) -> None:
        if self._diversity is None:
            return
        for value in self._diversity.values_of(index):
            self._counts[value] += 1
            if self._counts[value] == self._diversity.max:
                self.full.append(self._diversity.selection_of(value))

    def admits(self, index: int) -> bool:
        return self._diversity is None or all(
            self._counts[value] < self._diversity.max for value in self._diversity.values_of(index)
        )


class _Stream:
    """The items of a pool, best first or in the order of `mmr`, without those that are used or not admitted."""

    def __init__(
        self, ranker: Ranker, plan: Plan, pool: Pool, fetched: int, quota: _Quota, placed: "Placed | None"
    ) -> None:
        self._placed = placed
        self._ranker, self._exclude, self._items = ranker, plan.exclude, plan.items
        self._groups = _groups(pool, plan.boosts, plan.items)
        self._fetched = ranker.at_once or fetched
        self._quota, self._dropped = quota, 0
        self._ranked: Iterator[RankedItem] = iter(())
        self._is_over = False

    def next(self, used: set[int]) -> RankedItem | None:
        """Return the next item; None if there is none. It must be used before the next call."""
        while True:
            for item in self._ranked:
                # An item that is passed over here will never be admitted: places and values only fill up.
                if item.index not in used and self._quota.admits(item.index):
                    return item
            if self._is_over:
                return None
            self._rank(used)

    def _rank(self, used: Iterable[int]) -> None:
        for selection in self._quota.full[self._dropped :]:
            self._groups = [(pool.drop(selection, self._items), factor) for pool, factor in self._groups]
        self._dropped = len(self._quota.full)
        exclude = (*self._exclude, *used)
        found = [
            RankedItem(item.index, self._ranker.boosted(item.score, factor) if factor != 1 else item.score)
            for pool, factor in self._groups
            for item in _best(self._ranker, pool, exclude, self._fetched)
        ]
        if len(self._groups) > 1:
            found.sort(key=lambda item: (-self._ranker.precedence(item), item.index))
        self._is_over = len(found) < self._fetched
        ranked = found[: self._fetched]
        if self._placed is None:
            self._ranked = iter(ranked)
        else:
            self._ranked = self._placed.in_order(ranked, [self._ranker.precedence(item) for item in ranked])


def _nothing_placed(mmr: "Mmr") -> "Placed":
    from nextitem.service.steering.mmr import Placed  # imported lazily: few requests ask for it

    return Placed(mmr)


def _groups(pool: Pool, boosts: Sequence[Boost], items: int) -> list[tuple[Pool, float]]:
    """Split a pool into the items of each factor: ranked each by itself, their scores are exact."""
    groups = [(pool, 1.0)]
    for boost in boosts:
        boosted = [(pool.keep(boost.selection), factor * boost.factor) for pool, factor in groups]
        others = [(pool.drop(boost.selection, items), factor) for pool, factor in groups]
        groups = boosted + others
    return groups


def _pinned(ranker: Ranker, plan: Plan) -> dict[int, RankedItem]:
    if not plan.pins:
        return {}
    pool = Pool(np.array([*plan.pins.values()], np.int64))
    found = {item.index: item for item in ranker.best(pool, (), len(plan.pins))}
    return {place: found[index] for place, index in plan.pins.items() if index in found}


def _best(ranker: Ranker, pool: Pool, exclude: Sequence[int], k: int) -> list[RankedItem]:
    return [] if pool.is_empty else ranker.best(pool, exclude, k)

"""The rules of steering, place by place over the scores of all items: slow, and short enough to be read."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import floor, inf, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextitem.catalogue.expressions import Filter, HasText
from nextitem.catalogue.selection import Selection, of_mask
from nextitem.service.steering.compose import MMR_POOL, Boost, Diversity, Plan, Promotion
from nextitem.service.steering.mmr import Mmr
from nextitem.service.steering.pool import EVERYTHING

Mask = NDArray[np.bool_]
SHARES = (0.0005, 0.05, 0.5, 0.97)
"""Shares of the items that a filter keeps: lists and masks."""


@dataclass
class Wishes:
    """What a request asks for. `brands` has a number for each item, -1 for none; `mmr` compares its item's `rows`."""

    kept: Mask | None = None
    excluded: tuple[int, ...] = ()
    boosts: list[tuple[Mask, float]] = field(default_factory=list)
    promotions: list[tuple[Mask, float]] = field(default_factory=list)
    brands: NDArray[np.int64] | None = None
    most: int = 1
    mmr: float = 0
    rows: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    pins: dict[int, int] = field(default_factory=dict)

    def plan(self, items: int) -> Plan:
        """The same wishes as the service has them."""
        brands = self.brands

        def values_of(index: int) -> tuple[Filter, ...]:
            return () if brands is None or brands[index] < 0 else (HasText("brand", (int(brands[index]),)),)

        def selection_of(condition: Filter) -> Selection:
            assert isinstance(condition, HasText)
            assert brands is not None
            return of_mask(brands == condition.codes[0])

        return Plan(
            items,
            EVERYTHING if self.kept is None else EVERYTHING.keep(of_mask(self.kept)),
            self.excluded,
            [Boost(of_mask(mask), factor) for mask, factor in self.boosts],
            [Promotion(of_mask(mask), share) for mask, share in self.promotions],
            None if brands is None else Diversity(self.most, values_of, selection_of),
            Mmr(self.mmr, lambda indices: self.rows[list(indices)]) if self.mmr else None,
            {place: item for place, item in self.pins.items() if item not in self.excluded},
        )


def some_wishes(seed: int, items: int, best: Sequence[int]) -> Wishes:
    """Random wishes; some of the best items are pinned and excluded."""
    rng = np.random.default_rng(seed)

    def mask() -> Mask:
        return np.asarray(rng.random(items) < rng.choice(SHARES))

    wishes = Wishes()
    if rng.random() < 0.7:
        wishes.kept = mask()
    if rng.random() < 0.5:
        wishes.excluded = tuple(rng.choice(best[:40], 5).tolist())
    wishes.boosts = [(mask(), float(rng.choice([0.2, 1.5, 5.0]))) for _ in range(rng.integers(0, 3))]
    wishes.promotions = [(mask(), float(rng.choice([0.1, 0.2, 0.5]))) for _ in range(rng.integers(0, 3))]
    if rng.random() < 0.5:
        wishes.brands = rng.integers(-1, rng.choice([5, 300]), items)
        wishes.most = int(rng.integers(1, 4))
    if rng.random() < 0.5:
        places = rng.choice(20, 2, replace=False) + 1
        wishes.pins = dict(zip(places.tolist(), rng.choice(items, 2, replace=False).tolist(), strict=True))
    if rng.random() < 0.5:
        wishes.mmr, wishes.rows = float(rng.choice([0.1, 0.3, 0.7, 1.0])), some_rows(rng, items)
    return wishes


def some_rows(rng: np.random.Generator, items: int) -> NDArray[np.float32]:
    """Random rows of which all cosines have an exact float, in whatever order they are summed."""
    signs = rng.choice(np.array([-1, 1], np.float32), (items, 4))
    lengths = rng.choice(np.array([0.25, 1, 2], np.float32), (items, 1))
    one_hot = np.eye(4, dtype=np.float32)[rng.integers(0, 4, items)]
    rows: NDArray[np.float32] = lengths * signs * np.where(rng.random((items, 1)) < 0.5, one_hot, np.float32(0.5))
    rows[rng.random(items) < 0.02] = 0
    return rows


def answer(scores: NDArray[Any], wishes: Wishes, k: int) -> list[tuple[int, float, bool]]:
    """The items of an answer: index, score, and whether a rule gave it the place.

    Args:
        scores: of all items; -inf for those that are unavailable.
        wishes: what is asked for.
        k: the number of places.
    """
    factors = np.ones(len(scores))
    for mask, factor in wishes.boosts:
        factors[mask] *= factor
    logs = {factor: log(factor) for factor in set(factors.tolist())}  # numpy's logarithm may round otherwise
    boosted = scores + np.array([logs[factor] for factor in factors.tolist()])
    allowed = scores > -inf
    allowed[list(wishes.excluded)] = False
    pins = {place: item for place, item in wishes.pins.items() if allowed[item]}
    if wishes.kept is not None:
        allowed &= wishes.kept
    ordered: list[int] = np.lexsort((np.arange(len(scores)), -boosted)).tolist()
    order = [item for item in ordered if allowed[item]]
    used = set(pins.values())
    seen: list[int] = []
    pools: dict[int | None, list[int]] = {}
    counts: Counter[int] = Counter()

    def brand(item: int) -> int:
        return -1 if wishes.brands is None else int(wishes.brands[item])

    def use(item: int) -> None:
        used.add(item)
        seen.append(item)
        counts[brand(item)] += 1

    def is_full(item: int) -> bool:
        return brand(item) >= 0 and counts[brand(item)] >= wishes.most

    def first(among: Mask | None = None, number: int | None = None) -> int | None:
        admitted = [item for item in order if (among is None or among[item]) and not is_full(item)]
        if not wishes.mmr:
            return next((item for item in admitted if item not in used), None)
        if not any(item not in used and not is_full(item) for item in pools.get(number, ())):
            pools[number] = [item for item in admitted if item not in used][: max(k, MMR_POOL)]
        left = [item for item in pools[number] if item not in used and not is_full(item)]
        return max(left, key=lambda item: marginal_relevance(item, pools[number]), default=None)

    def marginal_relevance(item: int, pool: list[int]) -> float:
        best, last = boosted[pool[0]], boosted[pool[-1]]
        relevance = (boosted[item] - last) / ((best - last) or 1)
        similarity = max((cosine(wishes.rows[item], wishes.rows[other]) for other in seen), default=0.0)
        return float((1 - wishes.mmr) * relevance - wishes.mmr * similarity)

    for pinned in pins.values():
        use(pinned)
    taken = [0] * len(wishes.promotions)
    placed: list[tuple[int, float, bool]] = []
    for place in range(1, k + 1):
        item: int | None = None
        if place in pins:
            placed.append((pins[place], float(scores[pins.pop(place)]), True))
            continue
        for number, (mask, share) in enumerate(wishes.promotions):
            if floor(place * share + 1e-9) > taken[number] and item is None:
                item = first(mask, number)
                taken[number] += item is not None
        is_promoted = item is not None
        if item is None:
            item = first()
        if item is None:
            break
        use(item)
        placed.append((item, float(boosted[item]), is_promoted))
    placed += [(item, float(scores[item]), True) for _, item in sorted(pins.items())]
    return placed[:k]


def cosine(row: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """The cosine of two rows; 0 where one has no direction."""
    lengths = float(np.linalg.norm(row) * np.linalg.norm(other))
    return float(row @ other) / lengths if lengths else 0.0

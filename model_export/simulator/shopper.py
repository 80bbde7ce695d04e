"""A shopper: the walk of a person through the shop, one intent after the other.

The order of items has a meaning in three ways. A comparison returns to the item before the newest one; browsing goes on
up or down in price; accessories follow a main product that may be several items back. One item in twenty is a whim, and
is noise.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from model_export.simulator.chance import Chance, Weighted
from model_export.simulator.products import Product
from model_export.simulator.shelves import Shelves


class Intent(StrEnum):
    """The reason to look at an item."""

    BROWSE = "browse"
    """Walking along a category, towards dearer or cheaper products."""
    COMPARE = "compare"
    """Going back and forth between two or three similar products."""
    ACCESSORIES = "accessories"
    """Collecting the accessories of a product."""
    DRIFT = "drift"
    """Moving to a related category, of the same taste."""
    WHIM = "whim"
    """Looking at something popular; the walk then continues as before."""


class Step(NamedTuple):
    """An item, and the reason to look at it."""

    product: Product
    intent: Intent


_WHIM = 0.05
"""Probability of a whim before each step."""
_STROLL_ON = 0.65
"""Probability that browsing continues after each step."""
_SAME_BRAND = 0.65
"""Probability that the next item browsed is the neighbour in the same brand's line."""
_THIRD_CANDIDATE = 0.4
"""Probability that three products are compared and not two."""
_COMPARE_ON = 0.7
"""Probability that a comparison goes on after each look."""
_SKIP_ACCESSORY = 0.15
"""Probability that a shopper skips an accessory category."""
_TRUE_DRIFT = 0.8
"""Probability that drifting keeps taste and price class; otherwise a popular product attracts."""

_FIRST = Weighted(((Intent.BROWSE, 5), (Intent.COMPARE, 2), (Intent.ACCESSORIES, 3)))
_NEXT = {
    Intent.BROWSE: Weighted(((Intent.COMPARE, 35), (Intent.ACCESSORIES, 40), (Intent.DRIFT, 25))),
    Intent.COMPARE: Weighted(((Intent.ACCESSORIES, 60), (Intent.BROWSE, 15), (Intent.DRIFT, 25))),
    Intent.ACCESSORIES: Weighted(((Intent.DRIFT, 60), (Intent.BROWSE, 40))),
    Intent.DRIFT: Weighted(((Intent.BROWSE, 45), (Intent.COMPARE, 25), (Intent.ACCESSORIES, 30))),
}


class Shopper:
    """A person in the shop; every decision is drawn from `chance`."""

    def __init__(self, shelves: Shelves, chance: Chance) -> None:
        self._shelves = shelves
        self._chance = chance
        self._here = chance.weighted(shelves.favourites)
        """The main product: accessories belong to it."""

    def walk(self) -> Iterator[Step]:
        """Yield items without end; never the same one twice in a row."""
        intent = self._chance.weighted(_FIRST)
        last = Step(self._here, intent)
        yield last
        while True:
            for product in self._pursue(intent):
                if self._chance.happens(_WHIM):
                    whim = Step(self._chance.weighted(self._shelves.favourites), Intent.WHIM)
                    if whim.product is not last.product:
                        yield (last := whim)
                if product is not last.product:
                    yield (last := Step(product, intent))
            intent = self._chance.weighted(_NEXT[intent])

    def _pursue(self, intent: Intent) -> Iterator[Product]:
        match intent:
            case Intent.BROWSE:
                return self._browse()
            case Intent.COMPARE:
                return self._compare()
            case Intent.ACCESSORIES:
                return self._accessories()
            case _:
                return self._drift()

    def _browse(self) -> Iterator[Product]:
        direction = self._chance.one_of((-1, 1))
        while True:
            beside = self._shelves.beside(self._here, direction)
            if beside is None or not self._chance.happens(_SAME_BRAND):
                beside = self._chance.one_of(self._shelves.alike(self._here))
            self._here = beside
            yield beside
            if not self._chance.happens(_STROLL_ON):
                return

    def _compare(self) -> Iterator[Product]:
        rivals = self._chance.shuffled(self._shelves.alike(self._here))
        count = 2 if self._chance.happens(_THIRD_CANDIDATE) else 1
        candidates = [self._here, *rivals[:count]]
        looks = len(candidates)
        while self._chance.happens(_COMPARE_ON):
            looks += 1
        for look in range(1, looks + 1):
            self._here = candidates[look % len(candidates)]
            yield self._here

    def _accessories(self) -> Iterator[Product]:
        for accessory in self._shelves.category(self._here).accessories:
            if not self._chance.happens(_SKIP_ACCESSORY):
                yield self._chance.weighted(self._shelves.companions(self._here, accessory))

    def _drift(self) -> Iterator[Product]:
        prefix = self._chance.one_of(self._shelves.category(self._here).related)
        self._here = (
            self._shelves.counterpart(self._here, prefix)
            if self._chance.happens(_TRUE_DRIFT)
            else self._chance.weighted(self._shelves.favourites_in(prefix))
        )
        yield self._here

"""A shopper: the walk of one person through the shop, one intent after the other.

Three things make the order of items worth knowing. A comparison returns to the item before the
last one; a browser keeps walking up or down in price; and accessories follow a main product that
may lie several items back. About one item in twenty is a whim that means nothing.
Knows nothing of time, of session ids, or of how long the walk is watched.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from model_export.simulator.chance import Chance, Weighted
from model_export.simulator.products import Product
from model_export.simulator.shelves import Shelves


class Intent(StrEnum):
    """Why a shopper looks at an item."""

    BROWSE = "browse"
    """Walking along a category, towards dearer or cheaper products."""
    COMPARE = "compare"
    """Going back and forth between two or three products that are alike."""
    ACCESSORIES = "accessories"
    """Collecting what belongs with the product found."""
    DRIFT = "drift"
    """Moving to a related category, of the same taste."""
    WHIM = "whim"
    """Something popular caught the eye; then the walk goes on as if nothing had happened."""


class Step(NamedTuple):
    """One item looked at, and why."""

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
"""Probability that a shopper needs none of one accessory category."""
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
    """One person in the shop, whose every decision comes from `chance`."""

    def __init__(self, shelves: Shelves, chance: Chance) -> None:
        self._shelves = shelves
        self._chance = chance
        self._here = chance.weighted(shelves.favourites)
        """The product that the shopper's mind is on: main product of the accessories."""

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

"""The shelves: which products stand beside each other, are alike, or go together.

Relations only, fixed for a shop; how a shopper moves along them is `model_export.simulator.shopper`'s matter.
"""

from collections.abc import Sequence

from model_export.simulator.catalogue import CATEGORIES
from model_export.simulator.category import Category
from model_export.simulator.chance import Chance, Weighted
from model_export.simulator.products import Product

_ALIKE = 4
"""How many products count as alike to one product."""
_COMPANION_WEIGHTS = (3, 2, 1)
"""How strongly the first, second and third companion is preferred."""


class _Shelf:
    """The products of one category: one line per brand, each ascending in price."""

    def __init__(self, category: Category, products: Sequence[Product]) -> None:
        self.category = category
        self.favourites = Weighted((product, product.popularity) for product in products)
        # Brands are listed from modest to noble, and equal places in two categories' brand lists
        # are the same taste, so a line's place serves as its taste.
        self.lines = [
            sorted(line, key=lambda product: product.price)
            for brand in category.brands
            if (line := [product for product in products if product.brand == brand.name])
        ]
        self.by_price = sorted(products, key=lambda product: product.price)


class Shelves:
    """The arrangement of a shop's products.

    Args:
        seed: decides which accessories suit which product.
        products: what to arrange; at least two of each category.
    """

    def __init__(self, seed: int, products: Sequence[Product]) -> None:
        self.favourites = Weighted((product, product.popularity) for product in products)
        self._shelves = {
            category.prefix: _Shelf(category, [product for product in products if product.category == category.prefix])
            for category in CATEGORIES
        }
        self._spots = {
            product.item_id: (taste, place)
            for shelf in self._shelves.values()
            for taste, line in enumerate(shelf.lines)
            for place, product in enumerate(line)
        }
        self._alike = {
            product.item_id: _neighbours(shelf.by_price, place)
            for shelf in self._shelves.values()
            for place, product in enumerate(shelf.by_price)
        }
        self._companions = {
            (product.item_id, accessory): self._choose_companions(seed, product, accessory)
            for shelf in self._shelves.values()
            for product in shelf.by_price
            for accessory in shelf.category.accessories
        }

    def category(self, product: Product) -> Category:
        """Return the category of `product`."""
        return self._shelves[product.category].category

    def favourites_in(self, prefix: str) -> Weighted[Product]:
        """Return the products of a category, weighted by popularity."""
        return self._shelves[prefix].favourites

    def beside(self, product: Product, direction: int) -> Product | None:
        """Return the same brand's next dearer (1) or cheaper (-1) product, None at the line's end."""
        taste, place = self._spots[product.item_id]
        line = self._shelves[product.category].lines[taste]
        return line[place + direction] if 0 <= place + direction < len(line) else None

    def alike(self, product: Product) -> tuple[Product, ...]:
        """Return the products of the same category that are nearest in price, nearest first."""
        return self._alike[product.item_id]

    def companions(self, product: Product, accessory: str) -> Weighted[Product]:
        """Return what suits `product` from one of its accessory categories."""
        return self._companions[product.item_id, accessory]

    def counterpart(self, product: Product, prefix: str) -> Product:
        """Return the product of another category with the same taste and place in its line."""
        taste, place = self._spots[product.item_id]
        lines = self._shelves[prefix].lines
        line = lines[min(taste, len(lines) - 1)]
        return line[min(place, len(line) - 1)]

    def _choose_companions(self, seed: int, product: Product, accessory: str) -> Weighted[Product]:
        """Choose what suits `product`: anything of the category `accessory`, popular or not.

        Each product has its own, so the last accessory alone does not tell the next one: the main
        product, seen earlier, does.
        """
        chance = Chance(seed, "companions", product.item_id, accessory)
        shelf = self._shelves[accessory].by_price
        places = {int(chance.part() * len(shelf)): None for _ in _COMPANION_WEIGHTS}
        return Weighted((shelf[place], weight) for place, weight in zip(places, _COMPANION_WEIGHTS, strict=False))


def _neighbours(by_price: Sequence[Product], place: int) -> tuple[Product, ...]:
    """The products around `place` in a list ordered by price, nearest in price first."""
    around = [*by_price[max(0, place - _ALIKE) : place], *by_price[place + 1 : place + 1 + _ALIKE]]
    around.sort(key=lambda other: abs(other.price - by_price[place].price))
    return tuple(around[:_ALIKE])

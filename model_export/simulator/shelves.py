"""The relations between products of a shop: neighbours in price, similar products, companions."""

from collections.abc import Sequence

from model_export.simulator.catalogue import CATEGORIES
from model_export.simulator.category import Category
from model_export.simulator.chance import Chance, Weighted
from model_export.simulator.products import Product

_ALIKE = 4
"""Number of similar products of a product."""
_COMPANION_WEIGHTS = (3, 2, 1)
"""Weights of the first, second and third companion."""


class _Shelf:
    """The products of one category: one line per brand, each ascending in price."""

    def __init__(self, category: Category, products: Sequence[Product]) -> None:
        self.category = category
        self.favourites = Weighted((product, product.popularity) for product in products)
        # The catalogue lists brands by price, and equal places in two categories' lists are the same taste. So a line's
        # place is its taste.
        self.lines = [
            sorted(line, key=lambda product: product.price)
            for brand in category.brands
            if (line := [product for product in products if product.brand == brand.name])
        ]
        self.by_price = sorted(products, key=lambda product: product.price)


class Shelves:
    """The arrangement of a shop's products.

    Args:
        seed: decides the companions of each product.
        products: the products; at least two of each category.
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
        """Return the brand's next dearer (1) or cheaper (-1) product; None at the end of the line."""
        taste, place = self._spots[product.item_id]
        line = self._shelves[product.category].lines[taste]
        return line[place + direction] if 0 <= place + direction < len(line) else None

    def alike(self, product: Product) -> tuple[Product, ...]:
        """Return the products of the same category that are nearest in price, nearest first."""
        return self._alike[product.item_id]

    def companions(self, product: Product, accessory: str) -> Weighted[Product]:
        """Return the companions of `product` in one of its accessory categories."""
        return self._companions[product.item_id, accessory]

    def counterpart(self, product: Product, prefix: str) -> Product:
        """Return the product of another category with the same taste and place in its line."""
        taste, place = self._spots[product.item_id]
        lines = self._shelves[prefix].lines
        line = lines[min(taste, len(lines) - 1)]
        return line[min(place, len(line) - 1)]

    def _choose_companions(self, seed: int, product: Product, accessory: str) -> Weighted[Product]:
        """Choose companions of `product` among all products of the category `accessory`.

        They differ by product. So the newest accessory does not determine the next one; the main product, seen earlier,
        does.
        """
        chance = Chance(seed, "companions", product.item_id, accessory)
        shelf = self._shelves[accessory].by_price
        places = {int(chance.part() * len(shelf)): None for _ in _COMPANION_WEIGHTS}
        return Weighted((shelf[place], weight) for place, weight in zip(places, _COMPANION_WEIGHTS, strict=False))


def _neighbours(by_price: Sequence[Product], place: int) -> tuple[Product, ...]:
    """Return the products around `place` in a list ordered by price, nearest in price first."""
    around = [*by_price[max(0, place - _ALIKE) : place], *by_price[place + 1 : place + 1 + _ALIKE]]
    around.sort(key=lambda other: abs(other.price - by_price[place].price))
    return tuple(around[:_ALIKE])

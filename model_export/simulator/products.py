"""The products of a shop, made from the catalogue: names, prices and popularity.

Names and prices are the same in every shop; the seed decides the popularity.
"""

from dataclasses import dataclass
from math import fsum

from model_export.simulator.catalogue import CATEGORIES
from model_export.simulator.category import Category
from model_export.simulator.chance import Chance

MIN_PRODUCTS = 2 * len(CATEGORIES)
"""Two per category, so that there is something to compare."""
MAX_PRODUCTS = 100_000
"""With more, the names of brand, model and variant repeat too often to be plausible."""

_PRICE_ENDING = 5
"""Prices are rounded down to a multiple of ten cents plus this."""


@dataclass(frozen=True, slots=True)
class Product:
    """One item of the shop."""

    item_id: str
    """The category's prefix and a number, such as ``tea-012``."""
    name: str
    """Unique in the shop."""
    category: str
    """Prefix of its category."""
    brand: str
    price: int
    """In cents."""
    popularity: float
    """Share of the shop's undirected visits; sums to 1 over the shop."""


def make_products(seed: int, count: int) -> tuple[Product, ...]:
    """Make the products of a shop.

    Args:
        seed: decides which products are popular.
        count: number of products, spread evenly over the categories.

    Returns:
        The products, category by category, numbered within each.

    Raises:
        ValueError: if `count` is outside MIN_PRODUCTS..MAX_PRODUCTS.
    """
    if not MIN_PRODUCTS <= count <= MAX_PRODUCTS:
        raise ValueError(f"products must be {MIN_PRODUCTS} to {MAX_PRODUCTS}, not {count}")
    demand = sum(category.demand for category in CATEGORIES)
    products: list[Product] = []
    for place, category in enumerate(CATEGORIES):
        size = count // len(CATEGORIES) + (place < count % len(CATEGORIES))
        shares = _zipf_shares(Chance(seed, "popularity", category.prefix), size)
        products.extend(
            _product(category, number, share * category.demand / demand) for number, share in enumerate(shares)
        )
    return tuple(products)


def _zipf_shares(chance: Chance, size: int) -> list[float]:
    """Return shares 1/rank, summing to 1, in random order of ranks."""
    # fsum: sum() rounds floats differently from Python 3.12 on.
    total = fsum(1 / rank for rank in range(1, size + 1))
    return [1 / rank / total for rank in chance.shuffled(range(1, size + 1))]


def _product(category: Category, number: int, popularity: float) -> Product:
    """Return product `number` (from 0): brands vary fastest, then models, then variants, then editions."""
    models, brand_place = divmod(number, len(category.brands))
    layer, model_place = divmod(models, len(category.models))
    # Each brand and model gets each variant once before editions begin; and the first layer, which is all of a small
    # shop, already has all variants.
    edition, turn = divmod(layer, len(category.variants))
    brand = category.brands[brand_place]
    model, base = category.models[model_place]
    variant, variant_percent = category.variants[(turn + brand_place + model_place) % len(category.variants)]
    suffix = f", edition {edition + 1}" if edition else ""
    price = base * brand.price_percent * variant_percent // 10_000
    return Product(
        item_id=f"{category.prefix}-{number + 1:03d}",
        name=f"{brand.name} {model}, {variant}{suffix}",
        category=category.prefix,
        brand=brand.name,
        price=price // 10 * 10 + _PRICE_ENDING,
        popularity=popularity,
    )

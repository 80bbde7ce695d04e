"""The products of a shop, made from the catalogue: attributes, popularity, and when they are on sale.

Names, prices and variants are the same in every shop; the seed decides the rest.
"""

from dataclasses import dataclass, replace
from math import fsum, inf

from model_export.simulator.catalogue import CATEGORIES
from model_export.simulator.category import Category
from model_export.simulator.chance import Chance
from model_export.simulator.clock import DAY, DAYS, START

MIN_PRODUCTS = 2 * len(CATEGORIES)
"""Two per category, so that there is something to compare."""
MAX_PRODUCTS = 100_000
"""With more, the names of brand, model and variant repeat too often to be plausible."""

MAX_SHARE = 0.5
"""Maximum share of products that arrive, or that run out: shoppers must find something at any time."""

_OLDEST_DAYS = 700
"""Maximum age of a product when the traffic starts."""
_STOCK = 200
"""Maximum pieces of a product at the end of the traffic."""
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
    variant: str
    """The value of the attribute in which the category's products vary, such as ``250 g``."""
    added: float
    """Epoch seconds at which its sale begins, in whole milliseconds."""
    sold_out: float
    """Epoch seconds at which its last piece is sold; infinite if it does not run out."""
    stock: int
    """Pieces left at the end of the period from `START` over `DAYS`; 0 if it has run out by then."""

    def is_on_sale(self, time: float) -> bool:
        """Return whether shoppers find it at this time (epoch seconds)."""
        return self.added <= time < self.sold_out


def make_products(seed: int, count: int, *, arrivals: float = 0.0, sold_out: float = 0.0) -> tuple[Product, ...]:
    """Make the products of a shop.

    Args:
        seed: decides which products are popular, arrive or run out.
        count: number of products, spread evenly over the categories.
        arrivals: share of the products whose sale begins in the period from `START` over `DAYS`.
        sold_out: share of the products, others than these, that run out in the period.

    Returns:
        The products, category by category, numbered within each.

    Raises:
        ValueError: if `count` is outside MIN_PRODUCTS..MAX_PRODUCTS, or a share outside 0..MAX_SHARE.
    """
    if not MIN_PRODUCTS <= count <= MAX_PRODUCTS:
        raise ValueError(f"products must be {MIN_PRODUCTS} to {MAX_PRODUCTS}, not {count}")
    for name, share in (("arrivals", arrivals), ("sold_out", sold_out)):
        if not 0 <= share <= MAX_SHARE:
            raise ValueError(f"{name} must be 0 to {MAX_SHARE}, not {share}")
    demand = sum(category.demand for category in CATEGORIES)
    products: list[Product] = []
    for place, category in enumerate(CATEGORIES):
        size = count // len(CATEGORIES) + (place < count % len(CATEGORIES))
        shares = _zipf_shares(Chance(seed, "popularity", category.prefix), size)
        products.extend(
            _product(seed, category, number, share * category.demand / demand) for number, share in enumerate(shares)
        )
    order = Chance(seed, "sale").shuffled(range(count)) if arrivals or sold_out else ()
    arriving, leaving = round(count * arrivals), round(count * sold_out)
    for place in order[:arriving]:
        products[place] = replace(products[place], added=_in_period(seed, "added", products[place]))
    for place in order[arriving : arriving + leaving]:
        products[place] = replace(products[place], sold_out=_in_period(seed, "sold out", products[place]), stock=0)
    return tuple(products)


def _in_period(seed: int, what: str, product: Product) -> float:
    return round(START + Chance(seed, what, product.item_id).part() * DAYS * DAY, 3)


def _zipf_shares(chance: Chance, size: int) -> list[float]:
    """Return shares 1/rank, summing to 1, in random order of ranks."""
    # fsum: sum() rounds floats differently from Python 3.12 on.
    total = fsum(1 / rank for rank in range(1, size + 1))
    return [1 / rank / total for rank in chance.shuffled(range(1, size + 1))]


def _product(seed: int, category: Category, number: int, popularity: float) -> Product:
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
    item_id = f"{category.prefix}-{number + 1:03d}"
    chance = Chance(seed, "past", item_id)
    return Product(
        item_id=item_id,
        name=f"{brand.name} {model}, {variant}{suffix}",
        category=category.prefix,
        brand=brand.name,
        price=price // 10 * 10 + _PRICE_ENDING,
        popularity=popularity,
        variant=variant,
        added=START - DAY * (1 + int(chance.part() * _OLDEST_DAYS)),
        sold_out=inf,
        stock=1 + int(chance.part() * _STOCK),
    )

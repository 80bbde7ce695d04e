"""The shop simulator: synthetic traffic for the demo model, for tests and for load runs.

::

    shop = Shop(seed=7, products=400)
    for session in shop.sessions(10_000, seed=1):
        ...

Shoppers have intents (browse, compare, buy accessories, drift), so a sequence model has something
to learn. Never a source of quality figures: those come from real data only. Imports the standard
library and nothing of the other packages.
"""

from shop.catalogue import CATEGORIES
from shop.category import Category
from shop.products import MAX_PRODUCTS, MIN_PRODUCTS, Product
from shop.shopper import Intent
from shop.simulator import DAYS, START, Session, Shop

__all__ = [
    "CATEGORIES",
    "DAYS",
    "MAX_PRODUCTS",
    "MIN_PRODUCTS",
    "START",
    "Category",
    "Intent",
    "Product",
    "Session",
    "Shop",
]

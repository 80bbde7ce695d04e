"""The shop simulator: synthetic traffic for the demo model, for tests and for load runs.

::

    shop = Shop(seed=7, products=400)
    for session in shop.sessions(10_000, seed=1):
        ...

Shoppers have intents (browse, compare, buy accessories, drift), so a sequence model has something to learn. Use real
data, not this, to measure a model's quality.
"""

from model_export.simulator.actions import Action, EventType
from model_export.simulator.catalogue import CATEGORIES
from model_export.simulator.category import Category
from model_export.simulator.clock import DAYS, START
from model_export.simulator.products import MAX_PRODUCTS, MAX_SHARE, MIN_PRODUCTS, Product
from model_export.simulator.shopper import Intent
from model_export.simulator.simulator import Session, Shop

__all__ = [
    "CATEGORIES",
    "DAYS",
    "MAX_PRODUCTS",
    "MAX_SHARE",
    "MIN_PRODUCTS",
    "START",
    "Action",
    "Category",
    "EventType",
    "Intent",
    "Product",
    "Session",
    "Shop",
]

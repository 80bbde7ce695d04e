"""The types of the catalogue: brands and categories."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Brand:
    """A brand, with products in several categories."""

    name: str
    price_percent: int
    """Its price level, as a percentage of the model's base price."""


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of product, and the categories that belong to it."""

    prefix: str
    label: str
    brands: tuple[Brand, ...]
    models: tuple[tuple[str, int], ...]
    """(name, base price in cents), cheapest first."""
    variants: tuple[tuple[str, int], ...]
    """(name, percentage of the model's price)."""
    accessories: tuple[str, ...]
    """Prefixes of the categories that a buyer looks at next, in the order of need."""
    related: tuple[str, ...]
    """Prefixes of the categories that a shopper drifts to."""
    demand: int
    """Share of the shop's visits, relative to the other categories."""
    varies_in: Literal["colour", "size", "material"] = "size"
    """The attribute whose values the variants are."""

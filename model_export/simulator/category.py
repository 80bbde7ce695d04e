"""What a category of the shop is: the types in which `model_export.simulator.catalogue` states its facts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Brand:
    """A maker whose name stands on products of several categories."""

    name: str
    price_percent: int
    """What it asks, as a percentage of the model's base price."""


@dataclass(frozen=True, slots=True)
class Category:
    """One kind of product, and what belongs with it."""

    prefix: str
    label: str
    brands: tuple[Brand, ...]
    models: tuple[tuple[str, int], ...]
    """(name, base price in cents), cheapest first."""
    variants: tuple[tuple[str, int], ...]
    """(name, percentage of the model's price)."""
    accessories: tuple[str, ...]
    """Prefixes of what a buyer looks at next, in the order in which one needs them."""
    related: tuple[str, ...]
    """Prefixes of where interest drifts to."""
    demand: int
    """Share of the shop's visits, relative to the other categories."""

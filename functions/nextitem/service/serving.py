"""What a route gives to a process: its models, their items and its catalogue; and which variant a session gets."""

from typing import NamedTuple

from nextitem.catalogue.served_items import ServedItems
from nextitem.errors import NextItemError
from nextitem.model.engine import Model
from nextitem.registry.catalogue_loading import OpenCatalogue
from nextitem.registry.loading import variants_with_traffic
from nextitem.registry.route import Route, Variant


class Loaded(NamedTuple):
    """What a read of the registry gave: the route, its models that are new, its catalogue, and the route's fault."""

    route: Route
    models: dict[str, Model]
    catalogue: OpenCatalogue | None
    fault: NextItemError | None = None


class Serving(NamedTuple):
    """A route, the models of its versions, the items of each, and the catalogue that they come from."""

    route: Route
    models: dict[str, Model]
    items: dict[str, ServedItems]
    catalogue: OpenCatalogue | None

    @property
    def versions(self) -> list[str]:
        """The versions that take traffic."""
        return [*self.models]


def pick_variant(route: Route, digits: str) -> Variant:
    """Return a session's variant: always the same for the same digits, and each variant by its weight over all.

    Args:
        route: the route.
        digits: the session's own hex digits (`KeyRing.variant_digits`); the last 8 are uniform over sessions.
    """
    variants = variants_with_traffic(route)
    place = int(digits[-8:], 16) / 2**32 * sum(variant.weight for variant in variants)
    for variant in variants[:-1]:
        place -= variant.weight
        if place < 0:
            return variant
    return variants[-1]

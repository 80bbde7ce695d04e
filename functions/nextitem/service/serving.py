"""What a route gives to a process: its models, their items and its catalogue; and which variant a session gets."""

from typing import NamedTuple

import msgspec

from nextitem.catalogue.served_items import ServedItems
from nextitem.errors import NextItemError
from nextitem.model.engine import Model
from nextitem.registry.catalogue_loading import CatalogueInUse
from nextitem.registry.loading import variants_with_traffic
from nextitem.registry.route import Route, Variant


class RoutedModel(msgspec.Struct, frozen=True):
    """The model that answers a session, its items, its variant on the route, and what holds where a request is silent.

    `exclude_seen`: whether to leave out the session's items. `explore`: the share of places for new items.
    """

    model: Model
    items: ServedItems
    variant: str
    exclude_seen: bool
    explore: float = 0.0

    @property
    def version(self) -> str:
        """The model's version."""
        return self.model.version

    @property
    def snapshot_version(self) -> str:
        """The version by which sessions keep their snapshots: new items' rows are a part of what made the state."""
        digest = self.items.new_digest
        return f"{self.version}+{digest}" if digest else self.version


class Loaded(NamedTuple):
    """What a read of the registry gave: the route, its models that are new, its catalogue, and the route's fault."""

    route: Route
    models: dict[str, Model]
    catalogue: CatalogueInUse
    fault: NextItemError | None = None


class Serving(NamedTuple):
    """A route, the models of its versions, the items of each, and the catalogue that they come from."""

    route: Route
    models: dict[str, Model]
    items: dict[str, ServedItems]
    catalogue: CatalogueInUse

    @property
    def lacks_attributes(self) -> bool:
        """Whether the route has a catalogue whose attributes are not loaded."""
        return self.catalogue is not None and self.catalogue.catalogue is None

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

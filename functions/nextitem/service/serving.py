"""The models, items and catalogue that a process has for its route, and the choice of a session's variant."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from nextitem.catalogue.served_items import ServedItems
from nextitem.errors import NextItemError
from nextitem.model.engine import Model
from nextitem.registry.catalogue_loading import CatalogueInUse
from nextitem.registry.route import Route, Variant

Draw = Callable[[str], float]
"""Returns where a session lies under an experiment's salt, 0 to 1: the challenger answers it below its share."""


def outside_experiments(_salt: str) -> float:
    """Return the `Draw` of what has no session: the champion answers it, whatever the share."""
    return 1.0


class RoutedModel(msgspec.Struct, frozen=True):
    """The model that answers a session, its items, its variant on the route, and what holds where a request is silent.

    `exclude_seen`: whether to leave out the session's items. `explore`: the share of places for new items.
    `interleaved`: with what the answers of a stored session are drafted; None for this model's own answers.
    """

    model: Model
    items: ServedItems
    variant: str
    exclude_seen: bool
    explore: float = 0.0
    interleaved: "Interleaved | None" = None

    @property
    def alone(self) -> "RoutedModel":
        """The model that answers where no answer can be drafted: the champion."""
        return self if self.interleaved is None else self.interleaved.champion

    @property
    def version(self) -> str:
        """The model's version."""
        return self.model.version

    @property
    def snapshot_version(self) -> str:
        """The version by which sessions keep their snapshots: new items' rows are a part of what made the state."""
        digest = self.items.new_digest
        own = f"{self.version}+{digest}" if digest else self.version
        return own if self.interleaved is None else f"{self.interleaved.champion.snapshot_version}&{own}"


class Interleaved(msgspec.Struct, frozen=True):
    """The champion with which a challenger drafts its answers, and the salt of the experiment's coin."""

    champion: RoutedModel
    salt: str


class Loaded(NamedTuple):
    """The result of a read of the registry: the route, its new models, its catalogue, and the route's fault."""

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
        """The versions of the route."""
        return [*self.models]


def pick_variant(route: Route, draw: Draw) -> Variant:
    """Return the variant that answers: the same for the same draw, and a raise of the share only gains the challenger.

    Args:
        route: the route.
        draw: of the session; not called without an experiment.
    """
    experiment, challenger = route.experiment, route.challenger
    if experiment is None or challenger is None:
        return route.champion
    return challenger if draw(experiment.salt) < challenger.weight else route.champion


def route_session(route: Route, draw: Draw, routed: Callable[[Variant], RoutedModel]) -> RoutedModel:
    """Return the model that answers a session; in an interleaving experiment, the challenger with the champion.

    Args:
        route: the route.
        draw: of the session.
        routed: returns the model of a variant.
    """
    variant, experiment = pick_variant(route, draw), route.experiment
    picked = routed(variant)
    if experiment is None or experiment.kind != "interleaving" or variant == route.champion:
        return picked
    return msgspec.structs.replace(picked, interleaved=Interleaved(routed(route.champion), experiment.salt))

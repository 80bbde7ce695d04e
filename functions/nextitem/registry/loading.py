"""Load the models of a route.

Imports neither numpy nor ONNX Runtime at its top: a cold start begins to load before it imports them (`startup`).
"""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from nextitem.errors import NextItemError
from nextitem.registry.availability import Availability
from nextitem.registry.reader import Registry, Route, Variant

if TYPE_CHECKING:
    from nextitem.model.engine import Model


class LoadedRoute(NamedTuple):
    """A route, the models of its versions that take traffic, and which items are available (or why that is unknown)."""

    route: Route
    models: "dict[str, Model]"
    availability: Availability | NextItemError


def load_route(registry: Registry, name: str) -> LoadedRoute:
    """Load the models of a route and read its availability meanwhile.

    Raises:
        NextItemError: the route or a version cannot be used.
    """
    with ThreadPoolExecutor(1) as pool:
        availability = pool.submit(read_availability, registry, name)
        return LoadedRoute(*load_models(registry, name), availability.result())


def load_models(registry: Registry, name: str, held: Collection[str] = ()) -> "tuple[Route, dict[str, Model]]":
    """Read a route, then fetch and open the models of its versions that take traffic.

    Args:
        registry: the models' registry.
        name: the route's name.
        held: versions that are loaded already and are left out.

    Returns:
        The route, and the new models by version.

    Raises:
        NextItemError: the route or a version cannot be used.
    """
    route = registry.route(name)
    versions = {variant.version for variant in variants_with_traffic(route)}
    artifacts = {version: registry.fetch(version) for version in versions.difference(held)}
    from nextitem.model.onnx_graphs import open_graphs  # at a cold start another thread imports ONNX Runtime meanwhile

    graphs = {version: open_graphs(artifact) for version, artifact in artifacts.items()}
    from nextitem.model.engine import Model  # at a cold start imported by another thread while the graphs are opened

    return route, {version: Model(artifact, graphs[version]) for version, artifact in artifacts.items()}


def read_availability(registry: Registry, name: str) -> Availability | NextItemError:
    """Return which items of a route are available, or the error that kept it from being read."""
    try:
        return registry.availability(name)
    except NextItemError as error:
        return error


def variants_with_traffic(route: Route) -> list[Variant]:
    """Return the variants of a route whose weight is above 0."""
    return [variant for variant in route.variants if variant.weight > 0]

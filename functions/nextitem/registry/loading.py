"""Load the models of a route.

Imports neither numpy nor ONNX Runtime at its top: a cold start begins to load before it imports them (`startup`).
"""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from nextitem.errors import NextItemError
from nextitem.registry.availability import Availability
from nextitem.registry.reader import Registry, Route, Variant

if TYPE_CHECKING:
    from nextitem.model.engine import Model

MAX_OLDER = 5
"""Maximum revisions of a history that a cold start tries."""


class LoadedRoute(NamedTuple):
    """A route, the models of its versions that take traffic, and which items are available (or why that is unknown)."""

    route: Route
    models: "dict[str, Model]"
    availability: Availability | NextItemError
    fault: NextItemError | None
    """Why the live route cannot be used; `route` is then the newest revision of its history that can."""


def load_route(registry: Registry, name: str) -> LoadedRoute:
    """Load the models of a route for a cold start, and read its availability meanwhile.

    If the live route cannot be used, the newest revision of its history that can be used stands for it.

    Raises:
        NextItemError: the fault of the live route, if none of the `MAX_OLDER` newest revisions can be used either.
    """
    with ThreadPoolExecutor(1) as pool:
        availability = pool.submit(read_availability, registry, name)
        live = None
        try:
            live = registry.route(name)
            return LoadedRoute(live, load_models(registry, live), availability.result(), None)
        except NextItemError as error:
            fault = error.with_traceback(None)  # its frames keep what was loaded
        route, models = _load_older(registry, name, live) or (None, None)
        if route is None or models is None:
            raise fault
        return LoadedRoute(route, models, availability.result(), fault)


def _load_older(registry: Registry, name: str, live: Route | None) -> "tuple[Route, dict[str, Model]] | None":
    """Load the newest revision of a route's history that can be used and has other variants than the live route."""
    with suppress(NextItemError):  # the fault of the live route says more
        for revision in islice(reversed(registry.revisions(name)), MAX_OLDER):
            route = registry.revision(name, revision)
            if route is not None and (live is None or route.variants != live.variants):
                with suppress(NextItemError):
                    return route, load_models(registry, route)
    return None


def load_models(registry: Registry, route: Route, held: Collection[str] = ()) -> "dict[str, Model]":
    """Fetch and open the models of a route's versions that take traffic.

    Args:
        registry: the models' registry.
        route: the route.
        held: versions that are loaded already and are left out.

    Returns:
        The new models by version.

    Raises:
        NextItemError: a version cannot be used.
    """
    versions = {variant.version for variant in variants_with_traffic(route)}
    artifacts = {version: registry.fetch(version) for version in versions.difference(held)}
    from nextitem.model.onnx_graphs import open_graphs  # at a cold start another thread imports ONNX Runtime meanwhile

    graphs = {version: open_graphs(artifact) for version, artifact in artifacts.items()}
    from nextitem.model.engine import Model  # at a cold start imported by another thread while the graphs are opened

    return {version: Model(artifact, graphs[version]) for version, artifact in artifacts.items()}


def read_availability(registry: Registry, name: str) -> Availability | NextItemError:
    """Return which items of a route are available, or the error that kept it from being read."""
    try:
        return registry.availability(name)
    except NextItemError as error:
        return error


def variants_with_traffic(route: Route) -> list[Variant]:
    """Return the variants of a route whose weight is above 0."""
    return [variant for variant in route.variants if variant.weight > 0]

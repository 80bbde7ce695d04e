"""Load the models of a route, and its catalogue.

Imports neither numpy nor ONNX Runtime at its top: a cold start begins to load before it imports them (`startup`).
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from nextitem.background_call import BackgroundCall
from nextitem.errors import NextItemError
from nextitem.registry.catalogue_loading import MAX_OLDER, CatalogueInUse, load_first_joins
from nextitem.registry.reader import Registry
from nextitem.registry.route import Route, Variant

if TYPE_CHECKING:
    from nextitem.model.engine import Model


class LoadedRoute(NamedTuple):
    """A route, the models of its versions that take traffic, and its catalogue's joins, which may still be loading."""

    route: Route
    models: "dict[str, Model]"
    catalogue: BackgroundCall[CatalogueInUse]
    fault: NextItemError | None = None
    """Why the live route cannot be used; `route` is then the newest revision of its history that can."""


def load_route(registry: Registry, name: str, on_answer: Callable[[], None] = lambda: None) -> LoadedRoute:
    """Read a route and load its models for a cold start, which checks their first golden sessions only.

    If the live route cannot be used, the newest revision of its history that can be used stands for it.

    Args:
        registry: the models' registry.
        name: the route's name.
        on_answer: called once the route is read.

    Raises:
        NextItemError: the fault of the live route, if none of the `MAX_OLDER` newest revisions can be used either.
    """
    live = None
    try:
        live = registry.route(name)
        on_answer()
        catalogue = _begin_catalogue(registry, name, live)  # beside the models
        return LoadedRoute(live, load_models(registry, live, all_goldens=False), catalogue)
    except NextItemError as error:
        fault = error.with_traceback(None)  # its frames keep what was loaded
    route, models = _load_older(registry, name, live) or (None, None)
    if route is None or models is None:
        raise fault
    return LoadedRoute(route, models, _begin_catalogue(registry, name, route), fault)


def _begin_catalogue(registry: Registry, name: str, route: Route) -> BackgroundCall[CatalogueInUse]:
    versions = {variant.version for variant in variants_with_traffic(route)}
    return BackgroundCall(lambda: load_first_joins(registry, name, versions), "the catalogue")


def _load_older(registry: Registry, name: str, live: Route | None) -> "tuple[Route, dict[str, Model]] | None":
    """Load the newest revision of a route's history that can be used and has other variants than the live route.

    As after a rollback, `Route.exclude_seen` and `explore` of the live route hold, if that can be read.
    """
    with suppress(NextItemError):  # the fault of the live route says more
        for revision in islice(reversed(registry.revisions(name)), MAX_OLDER):
            with suppress(NextItemError):
                route = registry.revision(name, revision)
                if route is not None and (live is None or route.variants != live.variants):
                    if live is not None:
                        route = msgspec.structs.replace(route, exclude_seen=live.exclude_seen, explore=live.explore)
                    return route, load_models(registry, route)
    return None


def load_models(
    registry: Registry, route: Route, held: Collection[str] = (), *, all_goldens: bool = True
) -> "dict[str, Model]":
    """Fetch and open the models of a route's versions that take traffic.

    The local copies of all other versions are removed first, so that the disk never has more than those that serve
    and those that will.

    Args:
        registry: the models' registry.
        route: the route.
        held: versions that are loaded already and are left out.
        all_goldens: whether to check all golden sessions, or `START_CHECKS` of them.

    Returns:
        The new models by version.

    Raises:
        NextItemError: a version cannot be used.
    """
    versions = {variant.version for variant in variants_with_traffic(route)}
    registry.remove_other_copies(versions.union(held))
    artifacts = {version: registry.fetch(version) for version in versions.difference(held)}
    from nextitem.model.onnx_graphs import open_graphs  # at a cold start another thread imports ONNX Runtime meanwhile

    graphs = {version: open_graphs(artifact) for version, artifact in artifacts.items()}
    from nextitem.model.engine import START_CHECKS, Model  # imported by another thread while the graphs are opened

    goldens = None if all_goldens else START_CHECKS
    return {version: Model(artifact, graphs[version], goldens=goldens) for version, artifact in artifacts.items()}


def variants_with_traffic(route: Route) -> list[Variant]:
    """Return the variants of a route whose weight is above 0."""
    return [variant for variant in route.variants if variant.weight > 0]

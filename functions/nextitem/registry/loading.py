"""Load the models of a route, and its catalogue.

Imports neither numpy nor ONNX Runtime at its top: a cold start begins to load before it imports them (`startup`).
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from nextitem.background_call import BackgroundCall
from nextitem.errors import NextItemError
from nextitem.registry.catalogue_loading import MAX_OLDER, DownloadedJoins, download_joins
from nextitem.registry.reader import Registry
from nextitem.registry.route import Route, without_experiment

if TYPE_CHECKING:
    from nextitem.model.engine import Model

MAX_READ = 50
"""Maximum revisions of a history that a cold start reads: an experiment has one for each share, all of the same
champion."""


class LoadedRoute(NamedTuple):
    """A route, the models of its versions, and the download of its catalogue's joins, which may still be running."""

    route: Route
    models: "dict[str, Model]"
    joins: BackgroundCall[DownloadedJoins | None]
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
        NextItemError: the fault of the live route, if none of `MAX_OLDER` older versions can be used either.
    """
    live = None
    try:
        live = registry.route(name)
        on_answer()
        joins = _begin_joins(registry, name, live)  # beside the models
        return LoadedRoute(live, load_models(registry, live, all_goldens=False), joins)
    except NextItemError as error:
        fault = error.with_traceback(None)  # its frames keep what was loaded
    route, models = _load_older(registry, name, live) or (None, None)
    if route is None or models is None:
        raise fault
    return LoadedRoute(route, models, _begin_joins(registry, name, route), fault)


def _begin_joins(registry: Registry, name: str, route: Route) -> BackgroundCall[DownloadedJoins | None]:
    return BackgroundCall(lambda: download_joins(registry, name, route.versions), "the joins of the catalogue")


def _load_older(registry: Registry, name: str, live: Route | None) -> "tuple[Route, dict[str, Model]] | None":
    """Load the newest champion of the history that can be used; of a live experiment that is its own, if it can be.

    No experiment of an older revision is resumed. As after a rollback, `Route.exclude_seen` and `explore` of the live
    route hold, if that can be read.
    """
    tried = set() if live is None or live.experiment is not None else live.versions
    with suppress(NextItemError):  # the fault of the live route says more
        for champion in _champions(registry, name):
            version = champion.champion.version
            if version in tried:
                continue
            if len(tried) > MAX_OLDER:
                return None
            tried.add(version)
            with suppress(NextItemError):
                settings = champion if live is None else live
                route = msgspec.structs.replace(champion, exclude_seen=settings.exclude_seen, explore=settings.explore)
                return route, load_models(registry, route)
    return None


def _champions(registry: Registry, name: str) -> Iterator[Route]:
    """Yield a route's history, newest first, each revision without its experiment."""
    for revision in islice(reversed(registry.revisions(name)), MAX_READ):
        with suppress(NextItemError):
            route = registry.revision(name, revision)
            if route is not None:
                yield without_experiment(route)


def load_models(
    registry: Registry, route: Route, held: Collection[str] = (), *, all_goldens: bool = True
) -> "dict[str, Model]":
    """Fetch and open the models of a route's versions.

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
    versions = route.versions
    registry.remove_other_copies(versions.union(held))
    artifacts = {version: registry.fetch(version) for version in versions.difference(held)}
    from nextitem.model.onnx_graphs import open_graphs  # at a cold start another thread imports ONNX Runtime meanwhile

    graphs = {version: open_graphs(artifact) for version, artifact in artifacts.items()}
    from nextitem.model.engine import START_CHECKS, Model  # imported by another thread while the graphs are opened

    goldens = None if all_goldens else START_CHECKS
    return {version: Model(artifact, graphs[version], goldens=goldens) for version, artifact in artifacts.items()}

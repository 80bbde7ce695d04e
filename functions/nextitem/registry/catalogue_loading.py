"""Load the catalogue of a route and its joins with the models that serve.

Imports no numpy at its top: a cold start begins to load before it imports that (`startup`).
"""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from nextitem.errors import ArtifactCorrupt, NextItemError
from nextitem.registry.reader import Registry

if TYPE_CHECKING:
    from nextitem.catalogue.file import Catalogue
    from nextitem.catalogue.join import Join
    from nextitem.model.engine import Model

MAX_OLDER = 5
"""Maximum revisions of a history that a cold start tries."""


class OpenCatalogue(NamedTuple):
    """A catalogue, and its joins with model versions."""

    catalogue: "Catalogue"
    joins: "Mapping[str, Join]"
    """By model version; one that could not be read is missing, until `complete_joins` computes it."""
    computed: frozenset[str] = frozenset()
    """Model versions whose join was computed here, and so has no new items."""
    faults: tuple[NextItemError, ...] = ()
    """Why the route's catalogue, or a join, cannot be used; the catalogue is then the newest one that can."""


def load_first_catalogue(registry: Registry, route: str, models: Collection[str]) -> OpenCatalogue | None:
    """Load a route's catalogue for a cold start; return None if the route has none.

    If it cannot be used, the newest one of the route's history that can be used stands for it: an answer without a
    catalogue would have items that are out of stock.

    Args:
        registry: the registry.
        route: the route's name.
        models: the model versions that take traffic.

    Raises:
        NextItemError: the fault, if none of the `MAX_OLDER` newest revisions can be used either.
    """
    try:
        return load_catalogue(registry, route, models, None)
    except NextItemError as error:
        fault = error.with_traceback(None)  # its frames keep what was loaded
    with suppress(NextItemError):  # the fault of the route's catalogue says more
        for revision in islice(reversed(registry.catalogues.revisions(route)), MAX_OLDER):
            with suppress(NextItemError):
                pointer = registry.catalogues.revision(route, revision)
                if pointer is not None:
                    older = _open(registry, pointer.version, models, None)
                    return older._replace(faults=(fault, *older.faults))
    raise fault


def load_catalogue(
    registry: Registry, route: str, models: Collection[str], in_use: OpenCatalogue | None
) -> OpenCatalogue | None:
    """Load a route's catalogue, as far as it is not in use already; return None if the route has none.

    Args:
        registry: the registry.
        route: the route's name.
        models: the model versions that take traffic.
        in_use: the catalogue in use.

    Raises:
        NextItemError: it cannot be used. A join that cannot be used is only reported, in `OpenCatalogue.faults`.
    """
    pointer = registry.catalogues.pointer(route)
    opened = None if pointer is None else _open(registry, pointer.version, models, in_use)
    version = None if pointer is None else pointer.version
    if version != (None if in_use is None else in_use.catalogue.version):
        registry.catalogues.remove_other_copies(version)
    return opened


def complete_joins(opened: OpenCatalogue, models: "Mapping[str, Model]") -> OpenCatalogue:
    """Return a catalogue with a join for each model: those that are missing or of another model are computed.

    A join that is computed here has no new items. The bucket's one is tried again at the next refresh.
    """
    from nextitem.catalogue.join import join_of

    joins, computed, faults = dict(opened.joins), set(opened.computed), list(opened.faults)
    for version, model in models.items():
        join = joins.get(version)
        if join is not None and not join.fits(model.manifest.model.items, model.manifest.model.hidden):
            text = f"the join of {opened.catalogue.version} does not fit {version}: publish the catalogue again"
            faults.append(ArtifactCorrupt(text))
            join = None
        if join is None:
            joins[version] = join_of(model.vocabulary, opened.catalogue.vocabulary)
            computed.add(version)
    return OpenCatalogue(opened.catalogue, joins, frozenset(computed), tuple(faults))


def _open(registry: Registry, version: str, models: Collection[str], in_use: OpenCatalogue | None) -> OpenCatalogue:
    """Open a catalogue and its joins, as far as they are not in use already. All downloads run at once."""
    held = in_use if in_use is not None and in_use.catalogue.version == version else None
    wanted = [model for model in models if held is None or model not in held.joins or model in held.computed]
    faults: list[NextItemError] = []
    with ThreadPoolExecutor(len(models) + 1) as pool:
        opening = pool.submit(lambda: _file(registry, version) if held is None else held.catalogue)
        downloads = {model: pool.submit(registry.catalogues.fetch_join, version, model) for model in wanted}
    from nextitem.catalogue.join import open_join

    catalogue = opening.result()
    joins = {} if held is None else {model: join for model, join in held.joins.items() if model in models}
    computed = set() if held is None else held.computed.intersection(models)
    for model, download in downloads.items():
        try:
            joins[model] = open_join(download.result(), version, model, len(catalogue))
            computed -= {model}
        except ArtifactCorrupt as error:
            download.result().unlink(missing_ok=True)  # the next attempt downloads it again
            faults.append(error.with_traceback(None))
        except NextItemError as error:
            faults.append(error.with_traceback(None))
    return OpenCatalogue(catalogue, joins, frozenset(computed), tuple(faults))


def _file(registry: Registry, version: str) -> "Catalogue":
    path = registry.catalogues.fetch(version)
    from nextitem.catalogue.file import Catalogue  # at a cold start another thread imports numpy meanwhile

    try:
        return Catalogue(path, version)
    except ArtifactCorrupt:
        path.unlink(missing_ok=True)  # the next attempt downloads it again
        raise

"""Load the catalogue of a route and its joins with the models that serve.

A cold start reads the joins only, which are small and have all that an answer without attributes needs.

Imports no numpy at its top: a cold start begins to load before it imports that (`startup`).
"""

import importlib
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nextitem.background_call import BackgroundCall
from nextitem.errors import ArtifactCorrupt, NextItemError
from nextitem.registry.reader import Registry

if TYPE_CHECKING:
    from nextitem.catalogue.file import Catalogue
    from nextitem.catalogue.join import Join
    from nextitem.model.engine import Model

MAX_OLDER = 5
"""Maximum revisions of a history that a cold start tries."""


class JoinedCatalogue(NamedTuple):
    """The joins of a catalogue with model versions, without the catalogue: its attributes are not loaded yet."""

    version: str
    joins: "Mapping[str, Join]"
    """By model version."""

    @property
    def catalogue(self) -> None:
        """There is none yet."""

    @property
    def computed(self) -> frozenset[str]:
        """No join was computed here."""
        return frozenset()

    def fits(self, models: "Mapping[str, Model]") -> bool:
        """Return whether it has a join for each of some models."""
        shapes = {
            version: (model.manifest.model.items, model.manifest.model.hidden) for version, model in models.items()
        }
        return all(version in self.joins and self.joins[version].fits(*shape) for version, shape in shapes.items())


class OpenCatalogue(NamedTuple):
    """A catalogue, and its joins with model versions."""

    catalogue: "Catalogue"
    joins: "Mapping[str, Join]"
    """By model version; one that could not be read is missing, until `complete_joins` computes it."""
    computed: frozenset[str] = frozenset()
    """Model versions whose join was computed here, and so has no new items."""
    faults: tuple[NextItemError, ...] = ()
    """Why the route's catalogue, or a join, cannot be used; the catalogue is then the newest one that can."""

    @property
    def version(self) -> str:
        """The catalogue's version."""
        return self.catalogue.version


CatalogueInUse = JoinedCatalogue | OpenCatalogue | None
"""The part of its route's catalogue that a process has; None where the route has none."""


class DownloadedJoins(NamedTuple):
    """Files of the joins of a catalogue with model versions, and why others could not be downloaded."""

    version: str
    paths: Mapping[str, Path]
    """By model version."""
    faults: tuple[NextItemError, ...]


def download_joins(registry: Registry, route: str, models: Collection[str]) -> DownloadedJoins | None:
    """Download the joins of a route's catalogue for a cold start; return None if the route has none.

    It opens none: a thread that runs Python beside the imports of a cold start takes more of its time than it saves.

    Args:
        registry: the registry.
        route: the route's name.
        models: the model versions that take traffic.

    Raises:
        NextItemError: the route's pointer cannot be read.
    """
    pointer = registry.catalogues.pointer(route)
    return None if pointer is None else _download(registry, pointer.version, models)


def open_first_joins(
    registry: Registry,
    route: str,
    models: "Mapping[str, Model]",
    downloads: BackgroundCall[DownloadedJoins | None],
) -> CatalogueInUse:
    """Open the joins that a cold start has downloaded; return None if the route has no catalogue.

    If one of them cannot be used, the whole catalogue is loaded, as `load_usable_catalogue` does.

    Args:
        registry: the registry.
        route: the route's name.
        models: the models that take traffic.
        downloads: the call of `download_joins`, which may still run.

    Raises:
        NextItemError: see `load_usable_catalogue`.
    """
    with suppress(NextItemError):  # the whole catalogue says more
        downloaded = downloads.result()
        if downloaded is None:
            return None
        joins, faults = _open_joins(downloaded)
        joined = JoinedCatalogue(downloaded.version, joins)
        if not faults and joined.fits(models):
            return joined
    return load_usable_catalogue(registry, route, models.keys(), None)


def load_usable_catalogue(
    registry: Registry, route: str, models: Collection[str], in_use: CatalogueInUse
) -> OpenCatalogue | None:
    """Load a route's catalogue where no whole one is in use; return None if the route has none.

    If it cannot be used, the newest one of the route's history that can be used stands for it: an answer without a
    catalogue would have items that are out of stock.

    Args:
        registry: the registry.
        route: the route's name.
        models: the model versions that take traffic.
        in_use: what the process has of the catalogue.

    Raises:
        NextItemError: the fault, if none of the `MAX_OLDER` newest revisions can be used either.
    """
    try:
        return load_catalogue(registry, route, models, in_use)
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
    registry: Registry, route: str, models: Collection[str], in_use: CatalogueInUse
) -> OpenCatalogue | None:
    """Load a route's catalogue, as far as it is not in use already; return None if the route has none.

    Args:
        registry: the registry.
        route: the route's name.
        models: the model versions that take traffic.
        in_use: what the process has of it.

    Raises:
        NextItemError: it cannot be used. A join that cannot be used is only reported, in `OpenCatalogue.faults`.
    """
    pointer = registry.catalogues.pointer(route)
    opened = None if pointer is None else _open(registry, pointer.version, models, in_use)
    version = None if pointer is None else pointer.version
    if version != (None if in_use is None or in_use.catalogue is None else in_use.version):
        registry.catalogues.remove_other_copies(version)
    return opened


def complete_joins(opened: OpenCatalogue, models: "Mapping[str, Model]") -> OpenCatalogue:
    """Return a catalogue with a join for each model: those that are missing or of another model are computed.

    A join that is computed here has no new items. The bucket's one is tried again at the next refresh.
    """
    _wait_for_numpy()
    from nextitem.catalogue.join import join_of

    joins, computed, faults = dict(opened.joins), set(opened.computed), list(opened.faults)
    for version, model in models.items():
        join = joins.get(version)
        if join is not None and not join.fits(model.manifest.model.items, model.manifest.model.hidden):
            text = f"the join of {opened.catalogue.version} does not fit {version}: publish the catalogue again"
            faults.append(ArtifactCorrupt(text))
            join = None
        if join is None:
            joins[version] = join_of(model.vocabulary, opened.catalogue)
            computed.add(version)
    return OpenCatalogue(opened.catalogue, joins, frozenset(computed), tuple(faults))


def _open(registry: Registry, version: str, models: Collection[str], in_use: CatalogueInUse) -> OpenCatalogue:
    """Open a catalogue and its joins, as far as they are not in use already."""
    held = in_use if in_use is not None and in_use.version == version else None
    wanted = [model for model in models if held is None or model not in held.joins or model in held.computed]
    catalogue = None if held is None else held.catalogue
    catalogue = _file(registry, version) if catalogue is None else catalogue
    joins = {} if held is None else {model: join for model, join in held.joins.items() if model in models}
    found, faults = _open_joins(_download(registry, version, wanted))
    joins |= found
    for model, join in [*joins.items()]:
        if join.items != len(catalogue):
            faults.append(
                ArtifactCorrupt(f"the join of {version} and {model} has {join.items} items, not {len(catalogue)}")
            )
            del joins[model]
    computed = set() if held is None else held.computed.intersection(models) - found.keys()
    return OpenCatalogue(catalogue, joins, frozenset(computed), tuple(faults))


def _download(registry: Registry, version: str, models: Collection[str]) -> DownloadedJoins:
    """Download the joins of a catalogue's version, all at once."""
    paths: dict[str, Path] = {}
    faults: list[NextItemError] = []
    if models:
        with ThreadPoolExecutor(len(models)) as pool:
            downloads = {model: pool.submit(registry.catalogues.fetch_join, version, model) for model in models}
        for model, download in downloads.items():
            try:
                paths[model] = download.result()
            except NextItemError as error:
                faults.append(error.with_traceback(None))
    return DownloadedJoins(version, paths, tuple(faults))


def _open_joins(downloaded: DownloadedJoins) -> "tuple[dict[str, Join], list[NextItemError]]":
    """Open joins, and say why some cannot be used."""
    joins: dict[str, Join] = {}
    faults = [*downloaded.faults]
    if downloaded.paths:
        _wait_for_numpy()
        from nextitem.catalogue.join import open_join

        for model, path in downloaded.paths.items():
            try:
                joins[model] = open_join(path, downloaded.version, model)
            except ArtifactCorrupt as error:
                path.unlink(missing_ok=True)  # the next attempt downloads it again
                faults.append(error.with_traceback(None))
    return joins, faults


def _file(registry: Registry, version: str) -> "Catalogue":
    path = registry.catalogues.fetch(version)
    _wait_for_numpy()
    from nextitem.catalogue.file import Catalogue  # a cold start needs it after its first answer only

    try:
        return Catalogue(path, version)
    except ArtifactCorrupt:
        path.unlink(missing_ok=True)  # the next attempt downloads it again
        raise


def _wait_for_numpy() -> None:
    """Wait until numpy is imported: at a cold start, the main thread imports it with ONNX Runtime.

    If two threads import numpy at once, each may find a half of it and fail: one of 324 cold starts did. The second
    import of this module waits for the first one.
    """
    importlib.import_module("nextitem.model.onnx_runtime")

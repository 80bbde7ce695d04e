"""A route and the artifacts that it names, brought here; of a process's first ones, while it imports its libraries.

Must import nothing that takes long: no numpy, no ONNX Runtime.
"""

import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from nextitem.aws.object_store import ObstoreReader
from nextitem.aws.s3_prefetch import Early
from nextitem.errors import NextItemError, RegistryUnavailable
from nextitem.model.artifact import Artifact
from nextitem.registry.availability import Availability
from nextitem.registry.reader import Registry, Route
from nextitem.settings import Settings

if TYPE_CHECKING:
    from nextitem.model.engine import Model


START_SECONDS = 8.0
"""The longest wait for a first model: Lambda gives a start, and our requests, 10 s. A larger one goes on coming."""


class Fetched(NamedTuple):
    """A route, the verified artifacts of those of its versions that take traffic, and what is available.

    Where the last cannot be read, that is its fault, and models go on with what they know.
    """

    route: Route
    artifacts: dict[str, Artifact]
    availability: Availability | NextItemError


def fetch(registry: Registry, name: str) -> Fetched:
    """Bring a route's versions here, and learn what is available meanwhile.

    Raises:
        NextItemError: the route or a version cannot be used.
    """
    with ThreadPoolExecutor(1) as pool:
        availability = pool.submit(available, registry, name)
        return Fetched(*routed(registry, name), availability.result())


def routed(registry: Registry, name: str, held: Collection[str] = ()) -> tuple[Route, dict[str, Artifact]]:
    """Return a route and the artifacts of its versions, brought here.

    Args:
        registry: where from.
        name: the route's.
        held: versions that need not be brought.

    Raises:
        NextItemError: the route or a version cannot be used.
    """
    route = registry.route(name)
    wanted = {variant.version for variant in route.variants if variant.weight > 0}
    return route, {version: registry.fetch(version) for version in wanted.difference(held)}


def available(registry: Registry, name: str) -> Availability | NextItemError:
    """Return what is available on a route, or why that cannot be read."""
    try:
        return registry.availability(name)
    except NextItemError as error:
        return error


class HeadStart:
    """Settings, bucket and registry of a process, and what is on its way from there since this was made.

    Args:
        early: what is on its way already.

    Raises:
        SettingsError: a setting is missing or makes no sense.
    """

    def __init__(self, early: Early) -> None:
        self.settings = Settings.read()
        self.bucket = ObstoreReader(
            self.settings.bucket, region=self.settings.region, endpoint=self.settings.s3_endpoint, early=early
        )
        self.registry = Registry(self.bucket, self.settings.model_dir)
        self._found: tuple[Fetched, dict[str, Model]] | NextItemError | None = None
        self._thread = threading.Thread(target=self._fetch, name="fetching", daemon=True)
        self._thread.start()

    def opened(self, seconds: float = START_SECONDS) -> "tuple[Fetched, dict[str, Model]]":
        """Return what came, and the models of it by their versions, waiting for them.

        Args:
            seconds: the longest wait; what comes later stays on the disk, for whoever asks the registry.

        Raises:
            NextItemError: the route or a version cannot be used, or did not come in time.
        """
        self._thread.join(seconds)
        if self._thread.is_alive():
            raise RegistryUnavailable(f"the model did not come within {seconds:g} s")
        if isinstance(self._found, tuple):
            return self._found
        raise self._found or NextItemError("the model could not be fetched: see the log")

    def _fetch(self) -> None:
        try:
            fetched = fetch(self.registry, self.settings.route)
            from nextitem.model.onnx_graphs import (
                open_graphs,  # ONNX Runtime is being imported by whoever goes on meanwhile
            )

            graphs = {version: open_graphs(one) for version, one in fetched.artifacts.items()}
            from nextitem.model.engine import Model  # so is the rest, while the graphs open

            self._found = fetched, {version: Model(one, graphs[version]) for version, one in fetched.artifacts.items()}
        except NextItemError as error:
            self._found = error

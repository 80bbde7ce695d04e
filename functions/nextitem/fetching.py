"""A route and the artifacts that it names, brought here; of a process's first ones, while it imports its libraries.

Must import nothing that takes long: no numpy, no ONNX Runtime. Knows no model.
"""

import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from nextitem.artifact import Artifact
from nextitem.availability import Availability
from nextitem.bucket import ObstoreBucket
from nextitem.errors import NextItemError
from nextitem.registry import Registry, Route
from nextitem.settings import Settings


class Fetched(NamedTuple):
    """A route, the verified artifacts of those of its versions that take traffic, and what is available.

    Where the last cannot be read, that is its fault, and models go on with what they know.
    """

    route: Route
    artifacts: dict[str, Artifact]
    availability: Availability | NextItemError


def fetch(registry: Registry, name: str, held: Collection[str] = ()) -> Fetched:
    """Bring a route's versions here.

    Args:
        registry: where from.
        name: the route's.
        held: versions that need not be brought.

    Raises:
        NextItemError: the route or a version cannot be used.
    """
    with ThreadPoolExecutor(1) as pool:
        availability = pool.submit(_availability, registry, name)
        route = registry.route(name)
        wanted = {variant.version for variant in route.variants if variant.weight > 0}
        artifacts = {version: registry.fetch(version) for version in wanted.difference(held)}
        return Fetched(route, artifacts, availability.result())


def _availability(registry: Registry, name: str) -> Availability | NextItemError:
    try:
        return registry.availability(name)
    except NextItemError as error:
        return error


class HeadStart:
    """Settings, bucket and registry of a process, and what is on its way from there since this was made.

    Raises:
        SettingsError: a setting is missing or makes no sense.
    """

    def __init__(self) -> None:
        self.settings = Settings.read()
        self.bucket = ObstoreBucket(
            self.settings.bucket, region=self.settings.region, endpoint=self.settings.s3_endpoint
        )
        self.registry = Registry(self.bucket, self.settings.model_dir)
        self._found: Fetched | NextItemError | None = None
        self._thread = threading.Thread(target=self._fetch, name="fetching", daemon=True)
        self._thread.start()

    def fetched(self) -> Fetched:
        """Return what came, waiting for it.

        Raises:
            NextItemError: the route or a version cannot be used.
        """
        self._thread.join()
        if isinstance(self._found, Fetched):
            return self._found
        raise self._found or NextItemError("the model could not be fetched: see the log")

    def _fetch(self) -> None:
        try:
            self._found = fetch(self.registry, self.settings.route)
        except NextItemError as error:
            self._found = error

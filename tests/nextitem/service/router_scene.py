"""A router on a bucket that a test can hold back, spoil and mend."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.aws.object_store import StoredObject
from nextitem.registry.availability_publisher import AvailabilityPublisher
from nextitem.registry.experiment import Experiment
from nextitem.registry.reader import Registry
from nextitem.registry.route import Route, Variant, route_key
from nextitem.service.router import Router
from tests.nextitem.parts import BUCKET, PATIENCE_SECONDS, another_version
from tests.nextitem.publishers import UnjudgedPublisher

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TTL = 30.0


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class GatedBucket:
    """A bucket that answers only while its gate is open."""

    def __init__(self, bucket: BotoObjectStore) -> None:
        self._bucket = bucket
        self.gate = threading.Event()
        self.gate.set()
        self.catalogues = threading.Event()
        """The gate of whole catalogues; their joins pass."""
        self.catalogues.set()
        self.reads = 0
        """Of routes; what is available is read beside each."""

    def read(self, key: str, max_bytes: int) -> StoredObject | None:
        self.reads += key.startswith("routes/")
        assert self.gate.wait(PATIENCE_SECONDS)
        return self._bucket.read(key, max_bytes)

    def download(self, key: str, path: Path, max_bytes: Callable[[], int]) -> bool:
        if key.endswith("/catalogue.bin"):
            assert self.catalogues.wait(PATIENCE_SECONDS)
        return self._bucket.download(key, path, max_bytes)

    def keys(self, prefix: str) -> list[str]:
        return self._bucket.keys(prefix)


class Scene:
    """A router on a bucket, with two versions published and the first of them live or not."""

    def __init__(self, bucket: BotoObjectStore, s3: "S3Client", demo: Path, folder: Path) -> None:
        self.s3, self.demo, self.folder = s3, demo, folder
        self.publisher, self.availability = UnjudgedPublisher(bucket), AvailabilityPublisher(bucket)
        self.first = self.publisher.publish(demo)
        self.second = self.publisher.publish(another_version(demo, folder / "made"))
        self.clock = Clock()
        self.bucket = GatedBucket(bucket)
        self.faults: list[BaseException] = []
        registry = Registry(self.bucket, folder / "models")
        self.router = Router(registry, "live", TTL, self.faults.append, self.clock)

    def cold_router(self) -> Router:
        """Return a router as of another process: nothing is loaded, and its folder is empty."""
        return Router(Registry(self.bucket, self.folder / "cold"), "live", TTL, self.faults.append, self.clock)

    def promote(self, version: str, *, exclude_seen: bool | None = None, explore: float | None = None) -> None:
        self.publisher.promote(version, self.folder / "publisher", exclude_seen=exclude_seen, explore=explore)

    def put_route(self, *variants: Variant, experiment: Experiment | None = None) -> None:
        """Write a route that no publisher would."""
        self.put(route_key("live"), msgspec.json.encode(Route(9, variants, "now", experiment=experiment)))

    def put(self, key: str, data: bytes) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=data)

    def served(self) -> str:
        return self.router.model_for().model.version

    def let_a_refresh_pass(self) -> None:
        """Let the route grow old, ask, and wait for what that starts in the background."""
        self.clock.now += TTL
        self.served()
        self.join()

    @staticmethod
    def refreshing() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name in {"route", "attributes"}]

    def join(self) -> None:
        for thread in self.refreshing():
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()

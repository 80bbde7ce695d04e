"""A process has no more than two models, in memory and on disk, however often the route changes and loading fails."""

import gc
import os
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.background_call import BackgroundCall
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.model.manifest import CERTIFICATE
from nextitem.registry.availability import availability_key
from nextitem.registry.loading import load_route
from nextitem.registry.reader import Registry
from nextitem.registry.route import Variant, route_key
from nextitem.service.router import Router
from tests.nextitem.parts import BUCKET, PATIENCE_SECONDS, VERSION, another_version, remade
from tests.nextitem.service.router_scene import Scene

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROUNDS = 3


@pytest.fixture
def scene(bucket: BotoObjectStore, s3: "S3Client", demo: Path, tmp_path: Path) -> Iterator[Scene]:
    """A scene without garbage collection: whatever a reference cycle holds stays."""
    gc.collect()
    gc.disable()
    yield Scene(bucket, s3, demo, tmp_path)
    gc.enable()


class Census:
    """Counts the models that are alive, and the bytes of disk that the model folder occupies.

    Args:
        folder: the folder of fetched versions.
        patch: patches `Model`, so that its objects are counted.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._models = weakref.WeakSet[Model]()
        self.peak = 0
        begin = Model.__init__

        def counted(model: Model, *arguments: Any, **options: Any) -> None:
            self._models.add(model)
            begin(model, *arguments, **options)

        patch.setattr(Model, "__init__", counted)

    def alive(self) -> list[str]:
        """Return the versions of all models that are alive."""
        return sorted(model.version for model in self._models)

    def deleted(self) -> int:
        """Return the bytes of files that are deleted but still mapped, and so still occupy the disk."""
        ranges = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
        starts = [words[0].split("-") for words in ranges if words[-1] == "(deleted)" and str(self._folder) in words[5]]
        return sum(int(end, 16) - int(start, 16) for start, end in starts)

    def used(self) -> int:
        """Return the bytes that the folder occupies, deleted files that are still mapped included."""
        files = [Path(home, name) for home, _, names in os.walk(self._folder) for name in names]
        used = sum(file.stat().st_size for file in files) + self.deleted()
        self.peak = max(self.peak, used)
        return used


def wrong_certificate(demo: Path, folder: Path) -> Path:
    """Make a version whose digests are right and whose last golden session is wrong."""
    document = msgspec.json.decode((demo / CERTIFICATE).read_bytes())
    document["sessions"][-1]["scores"][-1] += 5
    return remade(demo, folder, {CERTIFICATE: msgspec.json.encode(document)})


@pytest.mark.slow
def test_two_models_at_most(scene: Scene, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "models"
    wrong = scene.publisher.publish(wrong_certificate(demo, tmp_path))
    census = Census(folder, monkeypatch)
    size = sum(file.stat().st_size for file in demo.iterdir())
    download = scene.bucket.download

    def measured(key: str, path: Path, max_bytes: Callable[[], int]) -> bool:
        exists = download(key, path, max_bytes)
        census.used()
        return exists

    monkeypatch.setattr(scene.bucket, "download", measured)
    faults: list[str] = []
    registry = Registry(scene.bucket, folder)

    # GIVEN a process that starts while the availability cannot be read
    scene.put(availability_key("live"), b"no document")
    scene.promote(scene.first)
    starting = BackgroundCall(lambda: load_route(registry, "live"), "models")
    router = Router(registry, "live", 30.0, lambda error: faults.append(type(error).__name__), scene.clock, starting)
    del starting
    router.refresh(PATIENCE_SECONDS)
    assert faults == ["RegistryError"]

    def change(action: Callable[[], object], version: str) -> None:
        action()
        router.refresh(PATIENCE_SECONDS)
        assert (router.model_for().version, census.alive()) == (version, [version])
        assert census.deleted() == 0
        assert census.used() <= 2 * size

    # WHEN the route changes many times, forth and back, and versions that cannot be loaded come between
    for _ in range(ROUNDS):
        change(lambda: scene.promote(scene.second), scene.second)
        change(lambda: scene.put_route(Variant("main", wrong, 1.0)), scene.second)
        change(lambda: scene.promote(scene.first), scene.first)
        change(lambda: scene.put_route(Variant("main", VERSION, 1.0)), scene.first)
        change(lambda: scene.put(route_key("live"), b"no route"), scene.first)
        scene.s3.delete_object(Bucket=BUCKET, Key=route_key("live"))
        change(lambda: scene.promote(scene.second), scene.second)
        change(lambda: scene.promote(scene.first), scene.first)
        change(lambda: scene.publisher.rollback(tmp_path / "publisher"), scene.second)

    # THEN there was never more than a second version on disk
    assert size < census.peak <= 2 * size


@pytest.mark.slow
def test_three_models_at_most_with_an_experiment(
    scene: Scene, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a process that serves one version
    third = scene.publisher.publish(another_version(demo, tmp_path, 3))
    census = Census(tmp_path / "models", monkeypatch)
    size = sum(digest.size for digest in open_artifact(demo).manifest.files.values())
    download = scene.bucket.download

    def measured(key: str, path: Path, max_bytes: Callable[[], int]) -> bool:
        exists = download(key, path, max_bytes)
        census.used()
        return exists

    monkeypatch.setattr(scene.bucket, "download", measured)
    folder = tmp_path / "publisher"
    scene.promote(scene.first)
    scene.router.load()

    # WHEN experiments of both kinds begin, end, and give way to a third version
    for kind in ("canary", "interleaving", "interleaving"):
        scene.publisher.start_experiment(scene.second, 1.0, folder, kind)
        scene.router.refresh(PATIENCE_SECONDS)
        assert scene.router.model_for(lambda _: 0.5).version == scene.second
        assert census.alive() == sorted([scene.first, scene.second])
        scene.promote(third)
        scene.router.refresh(PATIENCE_SECONDS)
        # THEN the process has the models of its route only
        assert (scene.served(), census.alive(), census.deleted()) == (third, [third], 0)
        scene.promote(scene.first)
        scene.router.refresh(PATIENCE_SECONDS)
    assert scene.faults == []
    assert 2 * size < census.peak < 3.1 * size

"""The router reads routes, loads models and keeps them after faults."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest

from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.aws.object_store import StoredObject
from nextitem.deadline import Deadline
from nextitem.errors import (
    ArtifactCorrupt,
    ArtifactUnsupported,
    NextItemError,
    NoModel,
    RegistryError,
    RegistryUnavailable,
    VersionNotFound,
)
from nextitem.model.manifest import SCHEMA
from nextitem.registry.experiment import new_experiment
from nextitem.registry.reader import model_key
from nextitem.registry.route import Variant, route_key
from nextitem.service.attributes import RETRY_SECONDS, SILENT_SECONDS
from nextitem.service.router import START_SECONDS
from tests.nextitem.parts import BUCKET, PATIENCE_SECONDS, VERSION, edited
from tests.nextitem.service.router_scene import TTL, Scene

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EXPERIMENT = new_experiment("canary", datetime(2026, 11, 23, tzinfo=UTC))


@pytest.fixture
def scene(bucket: BotoObjectStore, s3: "S3Client", demo: Path, tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(bucket, s3, demo, tmp_path)
    yield scene
    scene.bucket.gate.set()
    scene.join()


@pytest.mark.slow
def test_the_live_version_answers(scene: Scene) -> None:
    scene.promote(scene.first)
    scene.router.load()
    routed = scene.router.model_for()
    assert (routed.model.version, routed.variant) == (scene.first, "main")
    assert scene.faults == []


def test_the_first_request_loads_the_models(scene: Scene) -> None:
    scene.promote(scene.first)
    assert scene.served() == scene.first


@pytest.mark.slow
def test_a_new_route_is_read_in_the_background(scene: Scene) -> None:
    scene.promote(scene.first)
    scene.router.load()
    scene.promote(scene.second)

    reads = scene.bucket.reads
    scene.clock.now += TTL - 0.001
    assert scene.served() == scene.first
    assert (scene.refreshing(), scene.bucket.reads) == ([], reads)

    scene.bucket.gate.clear()
    scene.clock.now += 0.001
    assert [scene.served() for _ in range(5)] == [scene.first] * 5
    assert len(scene.refreshing()) == 1

    scene.bucket.gate.set()
    scene.join()
    assert scene.served() == scene.second
    assert scene.bucket.reads == reads + 1
    assert scene.refreshing() == []


@pytest.mark.slow
def test_a_clock_that_is_set_back_makes_the_route_old(scene: Scene) -> None:
    scene.promote(scene.first)
    scene.router.load()
    scene.promote(scene.second)
    scene.clock.now -= 1.0
    scene.served()
    scene.join()
    assert scene.served() == scene.second


@pytest.mark.slow
def test_after_a_refresh_the_next_request_uses_the_new_route(scene: Scene) -> None:
    scene.promote(scene.first)
    scene.router.load()
    scene.promote(scene.second)
    scene.router.refresh(PATIENCE_SECONDS)
    assert scene.served() == scene.second
    assert scene.faults == []


@pytest.mark.slow
def test_a_refresh_that_fails_or_is_late_keeps_the_models(scene: Scene) -> None:
    scene.promote(scene.first)
    scene.router.load()
    scene.put_route(Variant("main", VERSION, 1.0))
    scene.router.refresh(PATIENCE_SECONDS)
    assert [type(fault) for fault in scene.faults] == [VersionNotFound]

    scene.bucket.gate.clear()
    for _ in range(2):  # a second refresh waits for the first
        scene.router.refresh(0.01)
    assert [type(fault) for fault in scene.faults[1:]] == [RegistryUnavailable] * 2
    assert len(scene.refreshing()) == 1
    assert scene.served() == scene.first

    scene.put_route(Variant("main", scene.second, 1.0))
    scene.bucket.gate.set()
    scene.join()
    assert scene.served() == scene.second


@pytest.mark.slow
def test_versions_that_leave_the_route_are_deleted_from_disk(scene: Scene) -> None:
    # GIVEN a router that served one version, and another that was promoted since
    scene.promote(scene.first)
    before = scene.router.model_for().model
    scene.promote(scene.second)
    # WHEN the router has read the route
    scene.let_a_refresh_pass()
    # THEN only the new version is on disk, and an open model of the old one still answers
    assert [home.name for home in (scene.folder / "models").iterdir()] == [scene.second]
    assert before.top(before.replay(None, [0]), (), 5)


def corrupt(scene: Scene) -> None:
    scene.put(model_key(scene.second, "weights.bin"), b"damaged")
    scene.put_route(Variant("main", scene.second, 1.0))


def missing(scene: Scene) -> None:
    scene.put_route(Variant("main", VERSION, 1.0))


def one_of_two_missing(scene: Scene) -> None:
    arms = Variant("main", scene.second, 0.5), Variant("challenger", VERSION, 0.5)
    scene.put_route(*arms, experiment=EXPERIMENT)


def newer_schema(scene: Scene) -> None:
    newer = edited(scene.demo, scene.folder, lambda document: document.update(schema=SCHEMA + 1))
    for path in newer.iterdir():
        scene.put(model_key(newer.name, path.name), path.read_bytes())
    scene.put_route(Variant("main", newer.name, 1.0))


def no_route(scene: Scene) -> None:
    scene.s3.delete_object(Bucket=BUCKET, Key=route_key("live"))


def garbage(scene: Scene) -> None:
    scene.put(route_key("live"), b'{"revision": 3, "changed": "\xff"}')


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (corrupt, ArtifactCorrupt),
        (missing, VersionNotFound),
        (one_of_two_missing, VersionNotFound),
        (newer_schema, ArtifactUnsupported),
        (no_route, VersionNotFound),
        (garbage, RegistryError),
    ],
)
def test_after_any_fault_the_router_keeps_its_models(
    scene: Scene, damage: Callable[[Scene], None], fault: type[NextItemError]
) -> None:
    scene.promote(scene.first)
    scene.router.load()
    damage(scene)
    scene.let_a_refresh_pass()

    assert [type(error) for error in scene.faults] == [fault]
    assert scene.served() == scene.first

    # After the repair, the next refresh loads the route.
    scene.put_route(Variant("repaired", scene.first, 1.0))
    scene.let_a_refresh_pass()
    assert scene.router.model_for().variant == "repaired"
    assert len(scene.faults) == 1


@pytest.mark.slow
def test_without_a_model_attempts_are_rare_and_requests_fail_at_once(scene: Scene) -> None:
    for _ in range(5):
        with pytest.raises(NoModel):
            scene.served()

    assert [type(fault) for fault in scene.faults] == [VersionNotFound]
    assert scene.bucket.reads == 1

    # It serves as soon as a version is promoted.
    scene.clock.now += RETRY_SECONDS
    with pytest.raises(NoModel):
        scene.served()
    scene.promote(scene.first)
    with pytest.raises(NoModel):
        scene.served()
    assert len(scene.faults) == scene.bucket.reads == 2
    scene.clock.now += RETRY_SECONDS
    assert scene.served() == scene.first


def test_slow_attempts_are_rare_too(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    read = scene.bucket.read

    def slow(key: str, max_bytes: int) -> StoredObject | None:
        scene.clock.now += RETRY_SECONDS
        return read(key, max_bytes)

    monkeypatch.setattr(scene.bucket, "read", slow)
    for _ in range(3):
        with pytest.raises(NoModel):
            scene.served()
    assert scene.bucket.reads == 1


def test_loading_without_a_route_says_what_to_do(scene: Scene) -> None:
    with pytest.raises(VersionNotFound, match="promote a version first"):
        scene.router.load()


@pytest.mark.slow
def test_a_silent_bucket_is_waited_for_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    limit = Deadline.after

    def noted(seconds: float) -> Deadline:
        waits.append(seconds)
        return limit(0.01)

    monkeypatch.setattr("nextitem.service.router.Deadline.after", noted)
    # GIVEN a bucket that does not answer WHEN requests come THEN the first waits for it, and later ones do not
    scene.promote(scene.first)
    scene.bucket.gate.clear()
    for _ in range(3):
        with pytest.raises(NoModel):
            scene.served()
        scene.clock.now += RETRY_SECONDS
    assert waits == [START_SECONDS, SILENT_SECONDS, SILENT_SECONDS]
    assert [type(fault) for fault in scene.faults] == [RegistryUnavailable]
    assert scene.bucket.reads == 1

    # AND once it answers, the attempt under way ends, and its model serves
    scene.bucket.gate.set()
    scene.join()
    assert scene.served() == scene.first


@pytest.mark.slow
def test_an_unexpected_error_is_reported_and_the_next_attempt_works(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Panic(BaseException):
        """Panics of Rust libraries are no Exceptions."""

    scene.promote(scene.first)
    scene.router.load()
    scene.promote(scene.second)
    for error in (Panic, IndexError, MemoryError):
        with monkeypatch.context() as patch:
            patch.setattr("nextitem.service.router.load_models", Mock(side_effect=error))
            scene.let_a_refresh_pass()
    assert [type(fault) for fault in scene.faults] == [Panic, IndexError, MemoryError]
    assert scene.served() == scene.first
    scene.let_a_refresh_pass()
    assert scene.served() == scene.second

"""A cold start without a usable route serves the newest revision of the history that can be used."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import ArtifactCorrupt, NextItemError, NoModel, ObjectTooLarge, RegistryError, VersionNotFound
from nextitem.model.manifest import WEIGHTS
from nextitem.registry.catalogue_loading import MAX_OLDER
from nextitem.registry.reader import model_key
from nextitem.registry.route import MAX_ROUTE_BYTES, Variant, history_key, route_key
from nextitem.service.router import Router
from tests.nextitem.parts import BUCKET, PATIENCE_SECONDS, VERSION, another_version
from tests.nextitem.service.router_scene import Scene

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROUTE = route_key("live")
Damage = Callable[[Scene], object]
DAMAGES: dict[str, tuple[Damage, type[NextItemError]]] = {
    "no JSON": (lambda scene: scene.put(ROUTE, b"{"), RegistryError),
    "too large": (lambda scene: scene.put(ROUTE, b" " * (MAX_ROUTE_BYTES + 1)), ObjectTooLarge),
    "missing": (lambda scene: scene.s3.delete_object(Bucket=BUCKET, Key=ROUTE), VersionNotFound),
    "no such version": (lambda scene: scene.put_route(Variant("main", VERSION, 1.0)), VersionNotFound),
}


@pytest.fixture
def scene(bucket: BotoObjectStore, s3: "S3Client", demo: Path, tmp_path: Path) -> Iterator[Scene]:
    """Two versions, promoted one after the other."""
    scene = Scene(bucket, s3, demo, tmp_path)
    for version in (scene.first, scene.second):
        scene.promote(version)
    yield scene
    scene.join()


def start(scene: Scene) -> Router:
    """Return a router of another process after its first load; errors are reported as in a function."""
    router = scene.cold_router()
    router.refresh(PATIENCE_SECONDS)
    return router


@pytest.mark.slow
@pytest.mark.parametrize(("damage", "fault"), DAMAGES.values(), ids=DAMAGES)
def test_the_history_stands_for_a_route_that_cannot_be_used(
    scene: Scene, damage: Damage, fault: type[NextItemError]
) -> None:
    damage(scene)
    router = start(scene)
    assert router.model_for().version == scene.second
    assert [type(error) for error in scene.faults] == [fault]

    # WHEN the route is mended THEN the next refresh serves it
    scene.s3.delete_object(Bucket=BUCKET, Key=ROUTE)
    scene.promote(scene.first)
    router.refresh(PATIENCE_SECONDS)
    assert router.model_for().version == scene.first


@pytest.mark.slow
def test_a_start_on_an_older_version_keeps_what_the_route_does_with_seen_items(scene: Scene) -> None:
    scene.promote(scene.second, exclude_seen=True)
    scene.put(model_key(scene.second, WEIGHTS), b"damaged")
    routed = start(scene).model_for()
    assert (routed.version, routed.exclude_seen) == (scene.first, True)


@pytest.mark.parametrize("revision", [b"{", b'{"schema": 99}'], ids=["no JSON", "newer schema"])
@pytest.mark.slow
def test_a_start_goes_back_to_a_version_that_can_be_loaded(scene: Scene, revision: bytes) -> None:
    scene.put(model_key(scene.second, WEIGHTS), b"damaged")
    scene.put(history_key("live", 3), revision)
    assert start(scene).model_for().version == scene.first
    assert [type(error) for error in scene.faults] == [ArtifactCorrupt]


@pytest.mark.slow
def test_a_start_without_a_usable_challenger_serves_the_champion_alone(scene: Scene) -> None:
    # GIVEN an experiment of many shares, whose challenger is damaged
    third = scene.publisher.publish(another_version(scene.demo, scene.folder / "more", 3))
    started = scene.publisher.start_experiment(third, 0.05, scene.folder / "publisher").experiment
    assert started is not None
    for share in range(1, MAX_OLDER + 2):
        scene.publisher.set_share(started.experiment, share / 10)
    scene.put(model_key(third, WEIGHTS), b"damaged")
    # THEN the champion has all sessions
    routed = start(scene).model_for(lambda _: 0.0)
    assert (routed.version, routed.variant) == (scene.second, "main")
    assert [type(error) for error in scene.faults] == [ArtifactCorrupt]

    # AND so it is if the route cannot be read either: no revision's experiment is resumed
    scene.put(ROUTE, b"{")
    assert start(scene).model_for(lambda _: 0.0).version == scene.second


def test_without_a_usable_revision_the_fault_of_the_route_is_reported(scene: Scene) -> None:
    for key in (ROUTE, history_key("live", 1), history_key("live", 2)):
        scene.put(key, b"{")
    with pytest.raises(NoModel):
        start(scene).model_for()
    assert [str(error)[: len(ROUTE)] for error in scene.faults] == [ROUTE]

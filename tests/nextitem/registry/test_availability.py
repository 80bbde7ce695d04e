"""Availability: set once per route, applied by running functions, independent of versions."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import ArtifactUnsupported, InputError, RegistryError, RouteConflict, VersionNotFound
from nextitem.registry.availability import (
    ALL_AVAILABLE,
    MAX_AVAILABILITY_BYTES,
    MAX_UNAVAILABLE,
    Availability,
    availability_key,
    last_good_key,
)
from nextitem.registry.availability_publisher import AvailabilityPublisher
from nextitem.registry.route import Variant
from nextitem.service.router import Router
from tests.nextitem.parts import BUCKET, VERSION
from tests.nextitem.service.router_scene import Scene

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BEST = 10
AVAILABILITY = availability_key("live")


@pytest.fixture
def scene(bucket: BotoObjectStore, s3: "S3Client", demo: Path, tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(bucket, s3, demo, tmp_path)
    scene.promote(scene.first)
    yield scene
    scene.join()


def best_items(scene: Scene, router: Router | None = None) -> list[str]:
    routed = (router or scene.router).model_for()
    hidden = routed.model.replay(None, [1])
    best = routed.model.top(hidden, (), BEST, unavailable=routed.items.unavailable)
    return [routed.items.item_id(item.index) for item in best]


@pytest.mark.slow
def test_running_functions_apply_a_change_at_their_next_refresh(scene: Scene) -> None:
    # GIVEN a running function
    before = best_items(scene)

    # WHEN two of its best items are sold out THEN it recommends them until its next refresh
    assert scene.availability.set_unavailable([before[0], before[2], "unknown"]).revision == 1
    assert best_items(scene) == before
    scene.let_a_refresh_pass()
    sold_out = [before[1], *before[3:]]
    assert best_items(scene)[: len(sold_out)] == sold_out
    assert not {before[0], before[2]} & set(best_items(scene))

    # WHEN another version is promoted THEN that does not recommend them either
    scene.promote(scene.second)
    scene.let_a_refresh_pass()
    assert scene.served() == scene.second
    assert best_items(scene)[: len(sold_out)] == sold_out

    # WHEN one is available again THEN it is recommended again
    assert scene.availability.set_unavailable([before[2]]).revision == 2
    scene.let_a_refresh_pass()
    assert best_items(scene)[: BEST - 1] == [item for item in before if item != before[2]]
    assert scene.faults == []


def test_a_start_applies_the_availability(scene: Scene) -> None:
    everything = best_items(scene)
    scene.availability.set_unavailable(everything[:1])
    scene.router.load()
    assert best_items(scene)[: BEST - 1] == everything[1:]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"no json", RegistryError),
        (b'{"schema": 1, "revision": 1}', RegistryError),
        (b'{"schema": 2, "future": true}', ArtifactUnsupported),
        (msgspec.json.encode(Availability(1, ("a",) * (MAX_UNAVAILABLE + 1), "")), RegistryError),
    ],
    ids=["bytes", "part", "newer", "long"],
)
def test_an_unreadable_document_is_reported_and_changes_nothing(
    scene: Scene, data: bytes, fault: type[Exception]
) -> None:
    # GIVEN a function with an unavailable item
    everything = best_items(scene)
    scene.availability.set_unavailable(everything[:1])
    scene.let_a_refresh_pass()

    # WHEN the document is damaged THEN that is reported, the item stays unavailable, and the route is still refreshed
    scene.put(AVAILABILITY, data)
    scene.promote(scene.second)
    scene.let_a_refresh_pass()
    assert [type(error) for error in scene.faults] == [fault]
    assert scene.served() == scene.second
    assert best_items(scene)[: BEST - 1] == everything[1:]


@pytest.mark.parametrize(
    "damage", [b"no json", b" " * (MAX_AVAILABILITY_BYTES + 1), None], ids=["bytes", "long", "missing"]
)
@pytest.mark.slow
def test_a_start_without_a_readable_document_uses_the_last_good_one(scene: Scene, damage: bytes | None) -> None:
    everything = best_items(scene)
    scene.availability.set_unavailable(everything[:1])
    if damage is None:
        scene.s3.delete_object(Bucket=BUCKET, Key=AVAILABILITY)
    else:
        scene.put(AVAILABILITY, damage)
    router = scene.cold_router()
    router.load()
    assert best_items(scene, router)[: BEST - 1] == everything[1:]
    assert len(scene.faults) == (damage is not None)


@pytest.mark.slow
def test_a_start_without_a_readable_copy_either_serves_nothing(scene: Scene) -> None:
    scene.availability.set_unavailable(best_items(scene)[:1])
    for key in (AVAILABILITY, last_good_key("live")):
        scene.put(key, b"no json")
    with pytest.raises(RegistryError, match=last_good_key("live")):
        scene.cold_router().load()


def test_a_document_that_was_never_readable_makes_nothing_unavailable(scene: Scene) -> None:
    everything = best_items(scene)
    scene.put(AVAILABILITY, b"no json")
    router = scene.cold_router()
    router.load()
    assert best_items(scene, router) == everything
    assert [type(fault) for fault in scene.faults] == [RegistryError]


def test_the_document_is_sorted_without_repetition_and_of_one_route(bucket: BotoObjectStore) -> None:
    publisher = AvailabilityPublisher(bucket)
    assert publisher.current() == ALL_AVAILABLE
    availability = publisher.set_unavailable(["b", "a", "b"])
    assert availability.unavailable == ("a", "b")
    assert publisher.current() == availability
    assert AvailabilityPublisher(bucket, "beta").current() == ALL_AVAILABLE


@pytest.mark.parametrize("items", [[""], ["a" * 257], ["\ud800"], map(str, range(MAX_UNAVAILABLE + 1))])
def test_invalid_ids_and_too_many_are_refused(bucket: BotoObjectStore, items: Iterable[str]) -> None:
    with pytest.raises(InputError):
        AvailabilityPublisher(bucket).set_unavailable(items)
    assert AvailabilityPublisher(bucket).current() == ALL_AVAILABLE


def test_the_maximum_of_unavailable_items_is_accepted(bucket: BotoObjectStore) -> None:
    publisher = AvailabilityPublisher(bucket)
    publisher.set_unavailable(map(str, range(MAX_UNAVAILABLE)))
    assert len(publisher.current().unavailable) == MAX_UNAVAILABLE


def test_a_change_during_another_is_refused(bucket: BotoObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    # A second publisher that writes between the first one's read and write
    other, publisher = AvailabilityPublisher(bucket), AvailabilityPublisher(bucket)
    original = bucket.read

    def read(key: str, max_bytes: int) -> object:
        stored = original(key, max_bytes)
        monkeypatch.undo()
        other.set_unavailable(["theirs"])
        return stored

    monkeypatch.setattr(bucket, "read", read)
    with pytest.raises(RouteConflict):
        publisher.set_unavailable(["ours"])
    assert publisher.current().unavailable == ("theirs",)


def test_the_copy_is_that_of_the_newest_change(bucket: BotoObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher, key, create = AvailabilityPublisher(bucket), last_good_key("live"), bucket.create
    older = msgspec.json.encode(Availability(1, ("old",), "now"))

    def create_later(key_now: str, data: bytes) -> bool:
        if key_now == key:  # an older change writes its copy just before
            assert create(key, older)
        return create(key_now, data)

    monkeypatch.setattr(bucket, "create", create_later)
    publisher.set_unavailable(["old"])
    publisher.set_unavailable(["new"])
    copy = bucket.read(key, MAX_AVAILABILITY_BYTES)
    live = bucket.read(AVAILABILITY, MAX_AVAILABILITY_BYTES)
    assert copy is not None
    assert live is not None
    assert copy.data == live.data


@pytest.mark.parametrize("copy", [b" " * (MAX_AVAILABILITY_BYTES + 1), b'{"schema": 99}'], ids=["too large", "newer"])
def test_a_copy_that_cannot_be_replaced_is_an_error_before_anything_changes(
    bucket: BotoObjectStore, copy: bytes
) -> None:
    assert bucket.create(last_good_key("live"), copy)
    assert bucket.create(AVAILABILITY, msgspec.json.encode(Availability(1, ("old",), "now")))
    publisher = AvailabilityPublisher(bucket)
    with pytest.raises((RegistryError, ArtifactUnsupported)):
        publisher.set_unavailable(["new"])
    assert publisher.current().unavailable == ("old",)


@pytest.mark.slow
def test_availability_is_applied_even_if_the_route_cannot_be_loaded(scene: Scene) -> None:
    # GIVEN a running function, a route to a missing version, and a sold-out item
    before = best_items(scene)
    scene.put_route(Variant("main", VERSION, 1.0))
    scene.availability.set_unavailable(before[:1])
    # WHEN it refreshes THEN the fault is reported, the model stays, and the item is no longer recommended
    scene.let_a_refresh_pass()
    assert [type(fault) for fault in scene.faults] == [VersionNotFound]
    assert scene.served() == scene.first
    assert best_items(scene)[: BEST - 1] == before[1:]

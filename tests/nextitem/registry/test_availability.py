"""What is unavailable: said once for a route, heard by running functions, apart from versions."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import ArtifactUnsupported, InputError, RegistryError, RouteConflict, VersionNotFound
from nextitem.registry.availability import EVERYTHING, MAX_UNAVAILABLE, Availability, availability_key
from nextitem.registry.publisher import Publisher
from nextitem.registry.reader import Variant
from tests.nextitem.parts import VERSION
from tests.nextitem.service.router_scene import KEY, Scene

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BEST = 10
WHERE = availability_key("live")


@pytest.fixture
def scene(bucket: BotoObjectStore, s3: "S3Client", demo: Path, tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(bucket, s3, demo, tmp_path)
    scene.promote(scene.first)
    yield scene
    scene.join()


def best(scene: Scene) -> list[str]:
    model = scene.router.model_for(KEY).model
    return [model.vocabulary.item_id(one.index) for one in model.top(model.replay(None, [1]), (), BEST)]


def test_running_functions_hear_of_it_with_their_route(scene: Scene) -> None:
    # GIVEN a function that serves
    before = best(scene)

    # WHEN two of its best items are sold out THEN it recommends them no longer, once it has looked
    assert scene.publisher.set_unavailable([before[0], before[2], "unknown"]).revision == 1
    assert best(scene) == before
    scene.let_a_refresh_pass()
    sold_out = [before[1], *before[3:]]
    assert best(scene)[: len(sold_out)] == sold_out
    assert not {before[0], before[2]} & set(best(scene))

    # WHEN another version is live THEN it knows, too
    scene.promote(scene.second)
    scene.let_a_refresh_pass()
    assert scene.served() == scene.second
    assert best(scene)[: len(sold_out)] == sold_out

    # WHEN one is back THEN it is recommended again
    assert scene.publisher.set_unavailable([before[2]]).revision == 2
    scene.let_a_refresh_pass()
    assert best(scene)[: BEST - 1] == [item for item in before if item != before[2]]
    assert scene.faults == []


def test_a_start_knows_from_its_first_answer(scene: Scene) -> None:
    everything = best(scene)
    scene.publisher.set_unavailable(everything[:1])
    scene.router.load()
    assert best(scene)[: BEST - 1] == everything[1:]


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
def test_what_cannot_be_read_changes_nothing(scene: Scene, data: bytes, fault: type[Exception]) -> None:
    # GIVEN a function that knows of an item that is sold out
    everything = best(scene)
    scene.publisher.set_unavailable(everything[:1])
    scene.let_a_refresh_pass()

    # WHEN the document is spoiled THEN that is told, it goes on with what it knows, and new routes are followed
    scene.put(WHERE, data)
    scene.promote(scene.second)
    scene.let_a_refresh_pass()
    assert [type(error) for error in scene.faults] == [fault]
    assert scene.served() == scene.second
    assert best(scene)[: BEST - 1] == everything[1:]


def test_a_start_without_a_readable_document_serves_everything(scene: Scene) -> None:
    scene.put(WHERE, b"no json")
    scene.router.load()
    assert len(best(scene)) == BEST
    assert len(scene.faults) == 1


def test_it_is_kept_sorted_and_without_repetition(bucket: BotoObjectStore) -> None:
    publisher = Publisher(bucket)
    assert publisher.availability() == EVERYTHING
    said = publisher.set_unavailable(["b", "a", "b"])
    assert said.unavailable == ("a", "b")
    assert publisher.availability() == said
    # AND another route's is its own
    assert Publisher(bucket, "beta").availability() == EVERYTHING


@pytest.mark.parametrize("items", [[""], ["a" * 257], ["\ud800"], map(str, range(MAX_UNAVAILABLE + 1))])
def test_what_no_catalogue_could_have_is_refused_and_changes_nothing(
    bucket: BotoObjectStore, items: Iterable[str]
) -> None:
    with pytest.raises(InputError):
        Publisher(bucket).set_unavailable(items)
    assert Publisher(bucket).availability() == EVERYTHING


def test_a_change_that_meets_another_is_refused(bucket: BotoObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN somebody who writes between our read and our write
    other, publisher = Publisher(bucket), Publisher(bucket)
    reading = bucket.read

    def read(key: str) -> object:
        found = reading(key)
        monkeypatch.undo()
        other.set_unavailable(["theirs"])
        return found

    monkeypatch.setattr(bucket, "read", read)
    with pytest.raises(RouteConflict):
        publisher.set_unavailable(["ours"])
    assert publisher.availability().unavailable == ("theirs",)


def test_a_route_that_cannot_be_loaded_keeps_nothing_from_being_heard(scene: Scene) -> None:
    # GIVEN a function that serves, a route that names no version that there is, and an item that is sold out
    before = best(scene)
    scene.put_route(Variant("main", VERSION, 1.0))
    scene.publisher.set_unavailable(before[:1])
    # WHEN it has looked THEN the fault is told, the model stays, and the item is recommended no longer
    scene.let_a_refresh_pass()
    assert [type(fault) for fault in scene.faults] == [VersionNotFound]
    assert scene.served() == scene.first
    assert best(scene)[: BEST - 1] == before[1:]

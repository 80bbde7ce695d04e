"""Changing the route: only to versions that may serve, back step by step, and no change is lost."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import ArtifactCorrupt, NextItemError, RegistryUnavailable, RouteConflict, VersionNotFound
from nextitem.model.artifact import open_artifact
from nextitem.model.manifest import CERTIFICATE, encode_document
from nextitem.registry.publisher import Publisher
from nextitem.registry.reader import Registry
from nextitem.registry.route import Route, Variant, decode_route, history_key, route_key
from tests.nextitem.parts import BUCKET, VERSION, another_version, everything, remade
from tests.nextitem.publishers import UnjudgedPublisher

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BEGIN = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.fixture
def publisher(bucket: BotoObjectStore) -> Publisher:
    minutes = count()
    return UnjudgedPublisher(bucket, now=lambda: BEGIN + timedelta(minutes=next(minutes)))


@pytest.fixture
def versions(publisher: Publisher, demo: Path, tmp_path: Path) -> list[str]:
    made = [another_version(demo, tmp_path / "made", seed) for seed in (1, 2, 3)]
    return [publisher.publish(path) for path in made]


def history(bucket: BotoObjectStore) -> list[Route]:
    """Return all revisions in the history, oldest first."""
    return [decode_route(data, route_key("live")) for key, data in everything(bucket).items() if "/history/" in key]


def test_the_first_promotion_makes_the_route(
    bucket: BotoObjectStore, publisher: Publisher, versions: list[str], folder: Path
) -> None:
    assert publisher.current() is None
    route = publisher.promote(versions[0], folder)
    assert route == Route(1, (Variant("main", versions[0], 1.0),), BEGIN.isoformat())
    assert publisher.current() == Registry(bucket, folder).route("live") == route


def assert_refused(publisher: Publisher, error: type[NextItemError], attempt: Callable[[], object]) -> None:
    """Assert that an attempt raises an error and does not change the route."""
    before = publisher.current()
    with pytest.raises(error):
        attempt()
    assert publisher.current() == before


def test_a_history_that_cannot_be_written_is_written_by_the_next_change(
    bucket: BotoObjectStore,
    publisher: Publisher,
    versions: list[str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for version in versions:
        publisher.promote(version, folder)

    def unavailable(key: str, _data: bytes) -> bool:
        raise RegistryUnavailable(key)

    with monkeypatch.context() as patch:
        patch.setattr(bucket, "create", unavailable)
        with pytest.raises(RegistryUnavailable):  # the live revision's own entry comes first
            publisher.rollback(folder)
        create = BotoObjectStore.create
        patch.setattr(
            bucket, "create", lambda key, data: create(bucket, key, data) if "3.json" in key else unavailable(key, data)
        )
        assert publisher.rollback(folder).variants[0].version == versions[1]
    assert publisher.rollback(folder).variants[0].version == versions[0]
    assert [route.revision for route in history(bucket)] == [1, 2, 3, 4, 5]


def test_promoting_the_live_version_changes_nothing(publisher: Publisher, versions: list[str], folder: Path) -> None:
    # GIVEN two versions promoted one after the other
    publisher.promote(versions[0], folder)
    live = publisher.promote(versions[1], folder)
    # WHEN the second is promoted again THEN nothing changes, and a rollback restores the first
    assert publisher.promote(versions[1], folder) == live
    assert publisher.rollback(folder).variants[0].version == versions[0]


def test_a_promotion_sets_what_the_route_does_with_seen_and_new_items(
    bucket: BotoObjectStore, publisher: Publisher, versions: list[str], folder: Path
) -> None:
    # GIVEN a live version on a route that does not say
    live = publisher.promote(versions[0], folder)
    assert live.exclude_seen is None
    # WHEN the live version is promoted with the setting THEN that is a revision of its own, and once only
    publisher.promote(versions[0], folder, exclude_seen=True)
    assert publisher.promote(versions[0], folder, exclude_seen=True).revision == 2
    # AND later promotions and rollbacks keep it, whether the revision that they restore had it or not
    assert publisher.promote(versions[1], folder, explore=0.0).exclude_seen is True
    assert publisher.rollback(folder).variants[0].version == versions[0]
    assert publisher.current() == Registry(bucket, folder).route("live")
    # AND another promotion changes it
    publisher.promote(versions[2], folder, exclude_seen=False)
    assert publisher.rollback(folder).exclude_seen is False
    assert publisher.promote(versions[2], folder, explore=0.5).exclude_seen is False
    assert [route.exclude_seen for route in history(bucket)] == [None, True, True, True, False, False, False]
    assert [route.explore for route in history(bucket)] == [None, None, 0, 0, 0, 0, 0.5]


def test_an_unknown_version_is_not_promoted(publisher: Publisher, versions: list[str], folder: Path) -> None:
    publisher.promote(versions[0], folder)
    for unknown in (VERSION, "latest", f"{versions[0]}/manifest.json"):
        assert_refused(publisher, VersionNotFound, lambda unknown=unknown: publisher.promote(unknown, folder))  # type: ignore[misc]


def test_a_version_that_is_only_in_the_local_folder_is_not_promoted(publisher: Publisher, demo: Path) -> None:
    assert_refused(publisher, VersionNotFound, lambda: publisher.promote(demo.name, demo.parent))


@pytest.fixture
def uncertified(publisher: Publisher, demo: Path, tmp_path: Path) -> str:
    """A published version that fails one golden session, but none of the first few."""
    certificate = open_artifact(demo).certificate()
    golden = msgspec.structs.replace(certificate.sessions[9], scores=certificate.sessions[0].scores)
    sessions = (*certificate.sessions[:9], golden, *certificate.sessions[10:])
    tampered = encode_document(msgspec.structs.replace(certificate, sessions=sessions))
    return publisher.publish(remade(demo, tmp_path, {CERTIFICATE: tampered}))


def test_a_version_that_fails_its_certificate_is_not_promoted(
    publisher: Publisher, uncertified: str, folder: Path
) -> None:
    assert_refused(publisher, ArtifactCorrupt, lambda: publisher.promote(uncertified, folder))


def test_a_version_that_fails_its_certificate_is_not_rolled_back_to(
    s3: "S3Client", publisher: Publisher, versions: list[str], uncertified: str, folder: Path
) -> None:
    # GIVEN a route that a person wrote, and a promotion after it
    route = Route(1, (Variant("main", uncertified, 1.0),), BEGIN.isoformat())
    s3.put_object(Bucket=BUCKET, Key=route_key("live"), Body=msgspec.json.encode(route))
    publisher.promote(versions[0], folder)
    assert_refused(publisher, ArtifactCorrupt, lambda: publisher.rollback(folder))


def test_rollbacks_go_back_step_by_step(
    bucket: BotoObjectStore, publisher: Publisher, versions: list[str], folder: Path
) -> None:
    # GIVEN three versions promoted one after the other
    first, second, third = versions
    for version in versions:
        publisher.promote(version, folder)

    # WHEN it is rolled back twice THEN each restores the version before
    served = [publisher.rollback(folder).variants[0].version for _ in range(2)]
    assert served == [second, first]
    live = publisher.current()
    assert live is not None
    assert (live.revision, live.restores) == (5, 1)
    assert_refused(publisher, VersionNotFound, lambda: publisher.rollback(folder))

    # WHEN another is promoted THEN a rollback restores the version that was live before it
    publisher.promote(third, folder)
    assert publisher.rollback(folder).variants[0].version == first
    assert_refused(publisher, VersionNotFound, lambda: publisher.rollback(folder))

    # AND the history has every revision in order
    routes = history(bucket)
    assert [route.revision for route in routes] == list(range(1, 8))
    served = [route.variants[0].version for route in routes]
    assert served == [first, second, third, second, first, third, first]
    assert [route.changed for route in routes] == sorted({route.changed for route in routes})
    assert routes[-1] == publisher.current()


def test_without_a_route_there_is_nothing_to_roll_back(publisher: Publisher, folder: Path) -> None:
    with pytest.raises(VersionNotFound, match="nothing to roll back"):
        publisher.rollback(folder)


def test_a_revision_missing_in_the_history_is_added_by_the_next_change(
    bucket: BotoObjectStore, s3: "S3Client", publisher: Publisher, versions: list[str], folder: Path
) -> None:
    # GIVEN a promotion that was interrupted after the route's change
    publisher.promote(versions[0], folder)
    second = publisher.promote(versions[1], folder)
    s3.delete_object(Bucket=BUCKET, Key=history_key("live", 2))

    # WHEN the route changes again THEN the revision is in the history and can be restored
    publisher.promote(versions[2], folder)
    assert len(bucket.keys("routes/history/live/")) == 3
    assert publisher.rollback(folder).variants == second.variants


class RacingBucket(BotoObjectStore):
    """A bucket whose route changes between a publisher's read and write."""

    def __init__(self, name: str, client: "S3Client", meanwhile: Callable[[], object]) -> None:
        super().__init__(name, client)
        self._meanwhile = meanwhile

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        self._meanwhile()
        return super().replace(key, data, etag)

    def create(self, key: str, data: bytes | Path) -> bool:
        if key == route_key("live"):
            self._meanwhile()
        return super().create(key, data)


@pytest.mark.parametrize("promoted_before", [False, True], ids=["first", "later"])
def test_a_promotion_during_another_is_refused(
    bucket: BotoObjectStore,
    s3: "S3Client",
    publisher: Publisher,
    versions: list[str],
    folder: Path,
    promoted_before: bool,
) -> None:
    if promoted_before:
        publisher.promote(versions[0], folder)

    racing = UnjudgedPublisher(RacingBucket(BUCKET, s3, lambda: publisher.promote(versions[1], folder)))
    with pytest.raises(RouteConflict, match=r"routes/live\.json"):
        racing.promote(versions[2], folder)

    # Only the other promotion is in the history.
    live = publisher.current()
    assert live is not None
    assert live.variants[0].version == versions[1]
    routes = history(bucket)
    assert routes[-1] == live
    assert [route.revision for route in routes] == list(range(1, live.revision + 1))


def test_a_rollback_during_a_promotion_is_refused(
    s3: "S3Client", publisher: Publisher, versions: list[str], folder: Path
) -> None:
    for version in versions[:2]:
        publisher.promote(version, folder)
    racing = UnjudgedPublisher(RacingBucket(BUCKET, s3, lambda: publisher.promote(versions[2], folder)))
    with pytest.raises(RouteConflict):
        racing.rollback(folder)
    live = publisher.current()
    assert live is not None
    assert live.variants[0].version == versions[2]


def test_routes_are_separate(bucket: BotoObjectStore, publisher: Publisher, versions: list[str], folder: Path) -> None:
    trial = UnjudgedPublisher(bucket, "trial")
    publisher.promote(versions[0], folder)
    trial.promote(versions[1], folder)
    assert [route.variants[0].version for route in (publisher.current(), trial.current()) if route] == versions[:2]


def test_after_the_route_was_deleted_the_history_goes_on(
    bucket: BotoObjectStore, publisher: Publisher, versions: list[str], folder: Path, s3: "S3Client"
) -> None:
    # GIVEN two promotions, and a deleted route
    for version in versions[:2]:
        publisher.promote(version, folder, exclude_seen=True)
    s3.delete_object(Bucket=BUCKET, Key=route_key("live"))

    # WHEN another version is promoted THEN the history has all three, and a rollback restores the second
    promoted = publisher.promote(versions[2], folder)
    assert (promoted.revision, promoted.exclude_seen) == (3, True)
    assert [route.variants[0].version for route in history(bucket)] == versions
    assert publisher.rollback(folder).variants[0].version == versions[1]


def test_a_route_restored_by_hand_is_a_revision_of_its_own(
    bucket: BotoObjectStore, publisher: Publisher, versions: list[str], folder: Path, s3: "S3Client"
) -> None:
    # GIVEN two promotions, and the first route written again by hand
    first = publisher.promote(versions[0], folder)
    publisher.promote(versions[1], folder)
    s3.put_object(Bucket=BUCKET, Key=route_key("live"), Body=msgspec.json.encode(first))

    # WHEN a third version is promoted and rolled back THEN the first is live again
    publisher.promote(versions[2], folder)
    assert publisher.rollback(folder).variants[0].version == versions[0]
    assert [route.revision for route in history(bucket)] == [1, 2, 3, 4, 5]

"""Objects that people and tools put into the bucket are logged and ignored."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import RegistryUnavailable, VersionNotFound
from nextitem.model.manifest import MANIFEST, MAX_MANIFEST_BYTES, SCHEMA
from nextitem.registry.availability import Availability, availability_key, last_good_key
from nextitem.registry.availability_publisher import AvailabilityPublisher
from nextitem.registry.publisher import Publisher
from nextitem.registry.reader import model_key
from nextitem.registry.route import MAX_ROUTE_BYTES, Route, Variant, history_key
from tests.nextitem.parts import BUCKET, VERSION, another_version, edited
from tests.nextitem.publishers import UnjudgedPublisher

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

HISTORY = "routes/history/live/"
STRAY_REVISIONS = [
    HISTORY,
    f"{HISTORY}00000002",
    f"{HISTORY}00000002.json.bak",
    f"{HISTORY}00000009.JSON",
    f"{HISTORY}9.json",
    f"{HISTORY}000000009.json",
    f"{HISTORY}-0000009.json",
    f"{HISTORY}+0000009.json",
    f"{HISTORY} 0000009.json",
    f"{HISTORY}0000_009.json",
    f"{HISTORY}\N{ARABIC-INDIC DIGIT NINE}.json",
    f"{HISTORY}0000000\N{ARABIC-INDIC DIGIT NINE}.json",
    f"{HISTORY}old/00000009.json",
    f"{HISTORY}/00000009.json",
    f"{HISTORY}{'9' * 900}.json",
    f"{HISTORY}latest.json",
    f"{HISTORY}.DS_Store",
]
STRAY_MODELS = [
    "models/",
    "models/README.md",
    "models//manifest.json",
    "models/latest/manifest.json",
    f"models/{VERSION}",
    f"models/{VERSION}/",
    f"models/{VERSION}/manifest.json.bak",
    f"models/{VERSION}/old/manifest.json",
]
UNREADABLE = {
    "empty": b"",
    "no JSON": b"{",
    "another document": b"[]",
    "too large": b" " * (max(MAX_MANIFEST_BYTES, MAX_ROUTE_BYTES) + 1),
}


@pytest.fixture
def publisher(bucket: BotoObjectStore) -> Publisher:
    return UnjudgedPublisher(bucket)


@pytest.fixture
def versions(publisher: Publisher, demo: Path, tmp_path: Path, folder: Path) -> list[str]:
    """Three versions, promoted one after the other."""
    versions = [publisher.publish(another_version(demo, tmp_path / "made", seed)) for seed in (1, 2, 3)]
    for version in versions:
        publisher.promote(version, folder)
    return versions


@pytest.mark.slow
def test_stray_keys_are_ignored(
    s3: "S3Client",
    publisher: Publisher,
    versions: list[str],
    folder: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for key in (*STRAY_REVISIONS, *STRAY_MODELS, "routes/", "routes/history/", "availability/"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"stray")
    assert {item.version for item in publisher.versions()} == set(versions)
    assert [publisher.rollback(folder).revision, publisher.promote(versions[2], folder).revision] == [4, 5]
    assert publisher.rollback(folder).variants[0].version == versions[1]
    for key in (*STRAY_REVISIONS, *STRAY_MODELS):
        assert f"{key} is ignored" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_an_object_with_the_name_of_a_revision_is_ignored(
    s3: "S3Client",
    publisher: Publisher,
    versions: list[str],
    folder: Path,
    data: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # GIVEN such an object before the newest revision, and one after it
    for revision in (2, 8):
        s3.put_object(Bucket=BUCKET, Key=history_key("live", revision), Body=data)
    # WHEN the route is rolled back THEN the next older revision is restored, and the unreadable one is logged
    assert publisher.rollback(folder).variants[0].version == versions[0]
    assert publisher.promote(versions[1], folder).variants[0].version == versions[1]
    assert publisher.rollback(folder).variants[0].version == versions[0]
    assert f"{history_key('live', 2)} is ignored" in caplog.text


@pytest.mark.slow
def test_a_revision_under_the_name_of_another_is_ignored(
    s3: "S3Client", publisher: Publisher, versions: list[str], folder: Path
) -> None:
    route = Route(9, (Variant("main", VERSION, 1.0),), "now", restores=8)
    s3.put_object(Bucket=BUCKET, Key=history_key("live", 2), Body=msgspec.json.encode(route))
    assert publisher.rollback(folder).variants[0].version == versions[0]


@pytest.mark.slow
def test_a_revision_that_cannot_be_read_now_is_not_skipped(
    bucket: BotoObjectStore,
    publisher: Publisher,
    versions: list[str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = bucket.read

    def fail(key: str, max_bytes: int) -> object:
        if key == history_key("live", 2):
            raise RegistryUnavailable(key)
        return read(key, max_bytes)

    monkeypatch.setattr(bucket, "read", fail)
    with pytest.raises(RegistryUnavailable):
        publisher.rollback(folder)


def test_a_history_without_revisions_has_nothing_to_roll_back_to(
    s3: "S3Client", publisher: Publisher, demo: Path, folder: Path
) -> None:
    s3.put_object(Bucket=BUCKET, Key=HISTORY, Body=b"")
    publisher.promote(publisher.publish(demo), folder)
    with pytest.raises(VersionNotFound):
        publisher.rollback(folder)


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.slow
def test_an_unreadable_manifest_is_left_out(
    s3: "S3Client", publisher: Publisher, versions: list[str], data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    key = model_key(VERSION, MANIFEST)
    s3.put_object(Bucket=BUCKET, Key=key, Body=data)
    assert {item.version for item in publisher.versions()} == set(versions)
    assert f"{key} is ignored" in caplog.text


@pytest.mark.slow
def test_a_manifest_of_a_newer_schema_is_left_out(
    s3: "S3Client",
    publisher: Publisher,
    versions: list[str],
    demo: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    newer = edited(demo, tmp_path, lambda document: document.update(schema=SCHEMA + 1))
    s3.put_object(Bucket=BUCKET, Key=model_key(newer.name, MANIFEST), Body=(newer / MANIFEST).read_bytes())
    assert {item.version for item in publisher.versions()} == set(versions)
    assert f"has manifest schema {SCHEMA + 1}" in caplog.text


def test_a_copy_of_the_availability_is_kept_and_mended(bucket: BotoObjectStore, s3: "S3Client") -> None:
    publisher = AvailabilityPublisher(bucket)

    def copy() -> Availability:
        stored = bucket.read(last_good_key("live"), 1000)
        assert stored is not None
        return msgspec.json.decode(stored.data, type=Availability)

    # WHEN the availability changes THEN the copy equals it, also after damage
    for damage in (None, b"{", b"[]"):
        if damage is not None:
            s3.put_object(Bucket=BUCKET, Key=last_good_key("live"), Body=damage)
        assert publisher.set_unavailable(["a"]) == copy()

    # WHEN the document is deleted THEN the copy holds, and revisions go on
    s3.delete_object(Bucket=BUCKET, Key=availability_key("live"))
    assert publisher.current() == copy()
    assert publisher.set_unavailable([]).revision == 4

    # WHEN the copy is newer, because another change was faster THEN it stays
    newer = msgspec.structs.replace(copy(), revision=9)
    s3.put_object(Bucket=BUCKET, Key=last_good_key("live"), Body=msgspec.json.encode(newer))
    assert publisher.set_unavailable(["b"]).revision == 5
    assert copy() == newer

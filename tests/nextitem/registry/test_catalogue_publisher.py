"""Catalogues are published whole, and a route goes forward and back through them by compare-and-set."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.catalogue.version import is_catalogue_version
from nextitem.catalogue.writer import number_data, write_catalogue
from nextitem.errors import ArtifactCorrupt, ArtifactUnsupported, RegistryError, RouteConflict, VersionNotFound
from nextitem.registry.catalogue_pointer import (
    CataloguePointer,
    catalogue_key,
    decode_pointer,
    pointer_history_key,
    pointer_key,
)
from nextitem.registry.catalogue_publisher import CataloguePublisher
from tests.nextitem.parts import BUCKET

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
VERSION = "c" + "0" * 16


@pytest.fixture
def publisher(bucket: BotoObjectStore, tmp_path: Path) -> CataloguePublisher:
    return CataloguePublisher(bucket, tmp_path / "models", now=lambda: NOW)


def file(folder: Path, price: float) -> Path:
    path = folder / f"{price}.bin"
    write_catalogue(path, ["a", "b"], {"price": number_data([price, None])}, {})
    return path


def test_the_same_catalogue_again_changes_nothing(publisher: CataloguePublisher, tmp_path: Path) -> None:
    first = publisher.publish(file(tmp_path, 1))
    assert first == CataloguePointer(1, first.version, 2, "2026-01-31T09:30:00+00:00")
    assert publisher.publish(file(tmp_path, 1)) == first == publisher.current()
    assert publisher.history() == [first]
    assert publisher.open(first.version).value("price", 0) == 1


@pytest.mark.slow
def test_rollbacks_walk_back_through_the_history(publisher: CataloguePublisher, tmp_path: Path) -> None:
    # GIVEN three catalogues, and the first one again
    versions = [publisher.publish(file(tmp_path, price)).version for price in (1, 2, 3, 1)]

    # WHEN the route is rolled back until there is nothing left
    restored = [publisher.rollback() for _ in range(3)]

    # THEN it went back one catalogue at a time
    assert [pointer.version for pointer in restored] == [versions[2], versions[1], versions[0]]
    assert [pointer.restores for pointer in restored] == [3, 2, 1]
    with pytest.raises(VersionNotFound, match="route live has no earlier catalogue"):
        publisher.rollback()
    assert [pointer.revision for pointer in publisher.history()] == [7, 6, 5, 4, 3, 2, 1]

    # WHEN another one is published THEN a rollback leads to the one before it
    publisher.publish(file(tmp_path, 4))
    assert publisher.rollback().version == versions[0]


def test_a_change_whose_history_was_not_written_is_added_by_the_next(
    publisher: CataloguePublisher, s3: "S3Client", tmp_path: Path
) -> None:
    first = publisher.publish(file(tmp_path, 1))
    s3.delete_object(Bucket=BUCKET, Key=pointer_history_key("live", 1))
    publisher.publish(file(tmp_path, 2))
    assert publisher.rollback().version == first.version


def test_a_pointer_restored_by_hand_counts_as_a_change(
    publisher: CataloguePublisher, s3: "S3Client", tmp_path: Path
) -> None:
    first, second = (publisher.publish(file(tmp_path, price)) for price in (1, 2))
    s3.put_object(Bucket=BUCKET, Key=pointer_key("live"), Body=msgspec.json.encode(first))
    third = publisher.publish(file(tmp_path, 3))
    assert third.revision == 4
    assert [pointer.version for pointer in publisher.history()] == [
        third.version,
        first.version,
        second.version,
        first.version,
    ]
    assert publisher.rollback().version == first.version


def test_a_rollback_passes_over_the_live_catalogue_where_the_history_lost_one(
    publisher: CataloguePublisher, s3: "S3Client", tmp_path: Path
) -> None:
    # GIVEN a route that came back to a catalogue, and no revision between
    first, live, between, _ = (publisher.publish(file(tmp_path, price)) for price in (1, 2, 3, 2))
    s3.put_object(Bucket=BUCKET, Key=pointer_history_key("live", between.revision), Body=b"damaged")

    # WHEN it is rolled back THEN it has another catalogue
    assert publisher.rollback().version == first.version != live.version


def test_of_two_writers_one_is_refused(bucket: BotoObjectStore, tmp_path: Path) -> None:
    def publish_another() -> datetime:
        CataloguePublisher(bucket, tmp_path / "theirs", now=lambda: NOW).publish(theirs)
        return NOW

    ours, theirs = file(tmp_path, 1), file(tmp_path, 2)
    slow = CataloguePublisher(bucket, tmp_path / "ours", now=publish_another)
    with pytest.raises(RouteConflict, match=r"catalogues/routes/live\.json was changed meanwhile"):
        slow.publish(ours)


def test_a_rollback_to_a_damaged_catalogue_changes_nothing(
    publisher: CataloguePublisher, s3: "S3Client", tmp_path: Path
) -> None:
    first, second = (publisher.publish(file(tmp_path, price)) for price in (1, 2))
    s3.put_object(Bucket=BUCKET, Key=catalogue_key(first.version), Body=b"damaged")
    with pytest.raises(ArtifactCorrupt, match="other content than its name says"):
        publisher.rollback()
    assert publisher.current() == second


def test_a_catalogue_that_is_damaged_in_the_bucket_is_not_used(
    publisher: CataloguePublisher, s3: "S3Client", tmp_path: Path
) -> None:
    first, second = (publisher.publish(file(tmp_path, price)) for price in (1, 2))
    s3.put_object(Bucket=BUCKET, Key=catalogue_key(first.version), Body=b"damaged")
    with pytest.raises(ArtifactCorrupt, match="delete the object, and publish the catalogue again"):
        publisher.publish(file(tmp_path, 1))
    assert publisher.current() == second
    s3.delete_object(Bucket=BUCKET, Key=catalogue_key(first.version))
    assert publisher.publish(file(tmp_path, 1)).version == first.version


def test_nothing_is_published_that_is_no_catalogue(
    publisher: CataloguePublisher, bucket: BotoObjectStore, tmp_path: Path
) -> None:
    (tmp_path / "other.bin").write_bytes(b"other")
    with pytest.raises(ArtifactCorrupt):
        publisher.publish(tmp_path / "other.bin")
    assert bucket.keys("catalogues/") == []
    with pytest.raises(VersionNotFound, match="nothing to roll back"):
        publisher.rollback()


def test_stray_revisions_are_left_out(
    publisher: CataloguePublisher, s3: "S3Client", tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pointer = publisher.publish(file(tmp_path, 1))
    for key in ("catalogues/history/live/readme.txt", pointer_history_key("live", 2), pointer_history_key("live", 3)):
        body = msgspec.json.encode(pointer) if key.endswith("3.json") else b"{"
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    with caplog.at_level(logging.WARNING):
        assert publisher.history() == [pointer]
    assert [record.message.partition(" is ignored: ")[0] for record in caplog.records] == [
        "catalogues/history/live/readme.txt",
        pointer_history_key("live", 2),
        pointer_history_key("live", 3),
    ]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b'{"revision":1,"version":"v0000000000000000","items":1,"changed":"now","schema":1}',
        b'{"revision":0,"version":"c0000000000000000","items":1,"changed":"now","schema":1}',
        b'{"revision":1,"version":"../../etc/passwd/","items":1,"changed":"now","schema":1}',
        b'{"revision":1,"version":"c0000000000000000","items":1,"changed":"now","restores":1,"schema":1}',
    ],
)
def test_other_documents_are_no_pointers(document: bytes) -> None:
    with pytest.raises(RegistryError, match=r"^key\.json"):
        decode_pointer(document, "key.json")


def test_a_pointer_of_a_newer_schema_is_unsupported() -> None:
    with pytest.raises(ArtifactUnsupported, match="has schema 2; this code reads up to 1"):
        decode_pointer(b'{"schema":2}', "key.json")


def test_versions_are_safe_in_paths() -> None:
    assert is_catalogue_version(VERSION)
    for text in ("", "c", VERSION + "0", VERSION[:-1] + "G", "v" + "0" * 16, "c../../../../../../"):
        assert not is_catalogue_version(text)

"""Reading the registry: a fetched version is whole, or it is not there."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import (
    ArtifactCorrupt,
    ArtifactUnsupported,
    RegistryError,
    RegistryUnavailable,
    VersionNotFound,
)
from nextitem.model.manifest import FILES, MANIFEST, SCHEMA
from nextitem.registry.publisher import Publisher
from nextitem.registry.reader import Registry, model_key
from tests.nextitem.parts import BUCKET, VERSION, edited

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class CountingBucket:
    """A bucket that counts downloads."""

    def __init__(self, bucket: BotoObjectStore) -> None:
        self.read, self.keys = bucket.read, bucket.keys
        self._download = bucket.download
        self._lock = threading.Lock()
        self.downloads = 0

    def download(self, key: str, path: Path, max_bytes: Callable[[], int]) -> bool:
        with self._lock:
            self.downloads += 1
        return self._download(key, path, max_bytes)


@pytest.fixture
def published(bucket: BotoObjectStore, demo: Path) -> str:
    """The demo model's version, published."""
    return Publisher(bucket).publish(demo)


def test_a_version_is_fetched_whole(bucket: BotoObjectStore, published: str, demo: Path, folder: Path) -> None:
    artifact = Registry(bucket, folder).fetch(published)
    assert (artifact.version, artifact.folder) == (published, folder / published)
    for name in (*FILES, MANIFEST):
        assert artifact.path(name).read_bytes() == (demo / name).read_bytes()
    assert list(folder.iterdir()) == [artifact.folder]


def test_an_intact_copy_is_used_again(bucket: BotoObjectStore, published: str, folder: Path) -> None:
    counting = CountingBucket(bucket)
    Registry(counting, folder).fetch(published)
    once = counting.downloads
    assert Registry(counting, folder).fetch(published).version == published
    assert counting.downloads == once == len(FILES)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_damaged_copy_is_fetched_again(
    bucket: BotoObjectStore, published: str, demo: Path, folder: Path, name: str
) -> None:
    # GIVEN a fetched version with a damaged or missing file
    copy = Registry(bucket, folder).fetch(published).path(name)
    for damage in (lambda: copy.write_bytes(b"damaged"), copy.unlink):
        damage()
        # WHEN it is fetched THEN it is repaired
        assert Registry(bucket, folder).fetch(published).path(name).read_bytes() == (demo / name).read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_a_corrupt_object_is_named_and_leaves_nothing(
    bucket: BotoObjectStore, s3: "S3Client", published: str, folder: Path, name: str
) -> None:
    s3.put_object(Bucket=BUCKET, Key=model_key(published, name), Body=b"damaged")
    with pytest.raises(ArtifactCorrupt, match=f"^{name} of {published} "):
        Registry(bucket, folder).fetch(published)
    assert list(folder.iterdir()) == []


def test_a_changed_manifest_is_named_and_leaves_nothing(
    bucket: BotoObjectStore, s3: "S3Client", published: str, folder: Path
) -> None:
    s3.put_object(Bucket=BUCKET, Key=model_key(published, MANIFEST), Body=f'{{"schema": {SCHEMA}}}'.encode())
    with pytest.raises(ArtifactCorrupt, match=rf"^manifest\.json of {published} "):
        Registry(bucket, folder).fetch(published)
    assert list(folder.iterdir()) == []


def test_missing_objects_are_named(bucket: BotoObjectStore, s3: "S3Client", published: str, folder: Path) -> None:
    for name in ("weights.bin", "step.onnx"):
        s3.delete_object(Bucket=BUCKET, Key=model_key(published, name))
    with pytest.raises(ArtifactCorrupt, match=rf"^{published} lacks step\.onnx, weights\.bin in the registry"):
        Registry(bucket, folder).fetch(published)
    assert list(folder.iterdir()) == []


def test_a_newer_schema_is_unsupported(
    bucket: BotoObjectStore, s3: "S3Client", demo: Path, tmp_path: Path, folder: Path
) -> None:
    newer = edited(demo, tmp_path, lambda document: document.update(schema=SCHEMA + 1))
    for path in newer.iterdir():
        s3.put_object(Bucket=BUCKET, Key=model_key(newer.name, path.name), Body=path.read_bytes())
    with pytest.raises(ArtifactUnsupported, match=f"^{newer.name} has manifest schema {SCHEMA + 1}"):
        Registry(bucket, folder).fetch(newer.name)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("version", [VERSION, "latest", "../models", " "])
def test_a_missing_or_malformed_version_is_not_found(
    bucket: BotoObjectStore, published: str, folder: Path, version: str
) -> None:
    with pytest.raises(VersionNotFound, match=version):
        Registry(bucket, folder).fetch(version)


def test_copies_of_other_versions_are_removed(bucket: BotoObjectStore, published: str, folder: Path) -> None:
    registry = Registry(bucket, folder)
    copy = registry.fetch(published).folder
    for name in (VERSION, "vine"):
        (folder / name).mkdir()
    registry.remove_other_copies({published})
    assert set(folder.iterdir()) == {copy, folder / "vine"}
    assert {path.name for path in copy.iterdir()} == {*FILES, MANIFEST}


def test_a_bucket_that_fails_leaves_nothing(s3: "S3Client", folder: Path) -> None:
    with pytest.raises(RegistryUnavailable):
        Registry(BotoObjectStore("another", s3), folder).fetch(VERSION)
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(bucket: BotoObjectStore, published: str, folder: Path) -> None:
    folder.write_text("a file in place of the folder")
    with pytest.raises(RegistryError, match=f"^{published} cannot be kept in {folder}"):
        Registry(bucket, folder).fetch(published)

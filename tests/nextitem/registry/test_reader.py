"""Reading the registry: a fetched version is whole, or it is not there."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from nextitem.registry.reader import (
    MAX_VARIANTS,
    Registry,
    Route,
    Variant,
    decode_route,
    history_key,
    model_key,
    route_key,
)
from tests.nextitem.parts import BUCKET, STEADY, VERSION, edited

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
    s3.put_object(Bucket=BUCKET, Key=model_key(published, MANIFEST), Body=b'{"schema": 1}')
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


ROUTE = Route(3, (Variant("main", VERSION, 0.9), Variant("trial", "v" + "1" * 16, 0.1)), "2026-11-23T09:30:00+00:00")


def test_a_route_is_read_as_it_was_written(bucket: BotoObjectStore, folder: Path) -> None:
    bucket.create(route_key("live"), msgspec.json.encode(ROUTE))
    assert Registry(bucket, folder).route("live") == ROUTE
    with pytest.raises(VersionNotFound, match=r"routes/trial\.json"):
        Registry(bucket, folder).route("trial")


def test_the_keys_are_those_of_the_documented_layout() -> None:
    assert model_key(VERSION, "step.onnx") == f"models/{VERSION}/step.onnx"
    assert route_key("live") == "routes/live.json"
    assert history_key("live", 12) == "routes/history/live/00000012.json"


@pytest.mark.parametrize(
    ("weights", "version"),
    [
        ([], VERSION),
        ([1.0] * (MAX_VARIANTS + 1), VERSION),
        ([0.0], VERSION),
        ([0.0, 0.0], VERSION),
        ([1.0, -0.5], VERSION),
        ([1e308, 1e308], VERSION),
        ([1.0], "latest"),
    ],
)
def test_a_route_without_versions_or_weights_is_refused(weights: list[float], version: str) -> None:
    variants = tuple(Variant("main", version, weight) for weight in weights)
    with pytest.raises(RegistryError, match=r"^routes/live\.json(: each version must be | must name )"):
        decode_route(msgspec.json.encode(msgspec.structs.replace(ROUTE, variants=variants)), route_key("live"))


def test_a_route_may_have_the_maximum_of_variants() -> None:
    variants = tuple(Variant(f"trial-{number}", VERSION, 1.0) for number in range(MAX_VARIANTS))
    route = msgspec.structs.replace(ROUTE, variants=variants)
    assert decode_route(msgspec.json.encode(route), route_key("live")) == route


@pytest.mark.parametrize(("revision", "restores"), [(0, None), (-1, None), (3, 0), (3, 4)])
def test_a_route_with_an_impossible_revision_is_refused(revision: int, restores: int | None) -> None:
    route = msgspec.structs.replace(ROUTE, revision=revision, restores=restores)
    with pytest.raises(
        RegistryError, match=rf"^routes/live\.json: revision is {revision}, .* restores is {restores}, "
    ):
        decode_route(msgspec.json.encode(route), route_key("live"))


def test_a_route_of_a_newer_schema_is_unsupported() -> None:
    with pytest.raises(ArtifactUnsupported, match=r"^routes/live\.json has schema 2"):
        decode_route(msgspec.json.encode(msgspec.structs.replace(ROUTE, schema=2)), route_key("live"))


def error_of(data: bytes) -> str | None:
    try:
        decode_route(data, route_key("live"))
    except RegistryError as error:
        return str(error)
    return None


def test_a_damaged_route_is_refused() -> None:
    data = msgspec.json.encode(ROUTE)
    cut = [error_of(data[:place]) for place in range(len(data))]
    damaged = [error_of(data[:place] + b"\xff" + data[place + 1 :]) for place in range(len(data))]

    # Damage to an optional field may go unnoticed.
    assert all(error and error.startswith("routes/live.json is not a route") for error in cut)
    assert {error.split(":")[0] for error in damaged if error} == {"routes/live.json is not a route"}
    assert damaged.count(None) == len("restores")


@STEADY
@given(st.binary(max_size=100))
def test_other_bytes_are_not_a_route(data: bytes) -> None:
    with pytest.raises(RegistryError, match=r"^routes/live\.json is not a route"):
        decode_route(data, route_key("live"))

"""Every object of the bucket has a limit, which holds before the object is read or uses disk."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import msgspec
import pytest

from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import ArtifactCorrupt, InputError, ObjectTooLarge, RegistryError, VersionExists
from nextitem.model.manifest import CARD, FILES, MANIFEST, MAX_FILE_BYTES, MAX_MANIFEST_BYTES, decode_manifest
from nextitem.registry import availability_publisher as publisher_module
from nextitem.registry.availability import MAX_AVAILABILITY_BYTES, Availability, availability_key
from nextitem.registry.availability_publisher import AvailabilityPublisher
from nextitem.registry.publisher import Publisher
from nextitem.registry.reader import Registry, model_key
from nextitem.registry.route import MAX_ROUTE_BYTES, Route, Variant, route_key
from tests.nextitem.parts import BUCKET, VERSION, edited

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROUTE = msgspec.json.encode(Route(1, (Variant("main", VERSION, 1.0),), "now"))
AVAILABILITY = msgspec.json.encode(Availability(1, ("a",), "now"))
Read = Callable[[BotoObjectStore, Path], object]
REVISION = ROUTE.replace(b'"revision":1', b'"revision":12')
DOCUMENTS: dict[str, tuple[str, bytes, int, Read]] = {
    "route": (route_key("live"), ROUTE, MAX_ROUTE_BYTES, lambda bucket, folder: Registry(bucket, folder).route("live")),
    "current": (route_key("live"), ROUTE, MAX_ROUTE_BYTES, lambda bucket, _: Publisher(bucket).current()),
    "availability": (
        availability_key("live"),
        AVAILABILITY,
        MAX_AVAILABILITY_BYTES,
        lambda bucket, folder: Registry(bucket, folder).availability("live"),
    ),
    "change of availability": (
        availability_key("live"),
        AVAILABILITY,
        MAX_AVAILABILITY_BYTES,
        lambda bucket, _: AvailabilityPublisher(bucket).set_unavailable(["b"]),
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_has_a_limit(bucket: BotoObjectStore, s3: "S3Client", folder: Path, name: str) -> None:
    key, document, max_bytes, read = DOCUMENTS[name]
    s3.put_object(Bucket=BUCKET, Key=key, Body=document.ljust(max_bytes + 1))
    with pytest.raises(ObjectTooLarge, match=f"^{key} has {max_bytes + 1} bytes; the limit is {max_bytes}$"):
        read(bucket, folder)
    s3.put_object(Bucket=BUCKET, Key=key, Body=document.ljust(max_bytes))
    read(bucket, folder)


@pytest.mark.parametrize(
    "read",
    [
        lambda bucket, folder: Publisher(bucket).promote(VERSION, folder),
        lambda bucket, folder: Registry(bucket, folder).fetch(VERSION),
    ],
    ids=["promote", "fetch"],
)
def test_a_manifest_has_a_limit(bucket: BotoObjectStore, folder: Path, read: Read) -> None:
    key = model_key(VERSION, MANIFEST)
    bucket.create(key, b" " * (MAX_MANIFEST_BYTES + 1))
    with pytest.raises(ObjectTooLarge, match=f"^{key} "):
        read(bucket, folder)
    assert not folder.exists() or list(folder.iterdir()) == []


@pytest.mark.parametrize("name", [*FILES, CARD])
def test_a_manifest_may_not_list_a_file_over_its_limit(demo: Path, tmp_path: Path, name: str) -> None:
    part = "documents" if name == CARD else "files"
    for size, refused in ((MAX_FILE_BYTES[name], False), (MAX_FILE_BYTES[name] + 1, True), (-1, True)):
        copy = edited(demo, tmp_path, lambda document, size=size: document[part][name].update(size=size))  # type: ignore[misc]
        manifest = (copy / MANIFEST).read_bytes()
        if refused:
            with pytest.raises(ArtifactCorrupt, match=f"says that {name} has {size} bytes"):
                decode_manifest(manifest, copy.name)
        else:
            decode_manifest(manifest, copy.name)


@pytest.mark.parametrize("name", FILES)
def test_a_file_one_byte_over_its_manifest_is_not_downloaded(
    bucket: BotoObjectStore, s3: "S3Client", demo: Path, folder: Path, name: str
) -> None:
    version = Publisher(bucket).publish(demo)
    data = (demo / name).read_bytes()
    s3.put_object(Bucket=BUCKET, Key=model_key(version, name), Body=data + b"!")
    with pytest.raises(ArtifactCorrupt, match=f"^{name} of .* has {len(data) + 1} bytes; the limit is {len(data)}$"):
        Registry(bucket, folder).fetch(version)
    assert list(folder.iterdir()) == []
    with pytest.raises(VersionExists):
        Publisher(bucket).publish(demo)


def test_a_version_needs_room_on_the_disk(
    bucket: BotoObjectStore, demo: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = Publisher(bucket).publish(demo)
    size = sum((demo / name).stat().st_size for name in FILES)
    for free in (size - 1, size):
        monkeypatch.setattr(os, "statvfs", lambda _, free=free: SimpleNamespace(f_bavail=free, f_frsize=1))
        if free < size:
            text = f"{version} has {size} bytes, and {folder} has room for {free}: enlarge the disk"
            with pytest.raises(RegistryError, match=re.escape(text)):
                Registry(bucket, folder).fetch(version)
            assert list(folder.iterdir()) == []
        else:
            Registry(bucket, folder).fetch(version)


def test_no_availability_over_the_limit_is_written(bucket: BotoObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = AvailabilityPublisher(bucket)
    size = len(msgspec.json.encode(publisher.set_unavailable(["item"])))
    monkeypatch.setattr(publisher_module, "MAX_AVAILABILITY_BYTES", size)
    publisher.set_unavailable(["item"])
    with pytest.raises(InputError, match=f"take {size + 1} bytes; the maximum is {size}"):
        publisher.set_unavailable(["items"])

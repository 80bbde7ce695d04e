"""Makers of what the library's tests need: keys, deadlines, requests, and artifacts that differ from the demo's."""

import shutil
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypedDict

import msgspec
from hypothesis import HealthCheck, settings

from nextitem.aws.object_store import ObjectStore
from nextitem.deadline import Deadline
from nextitem.model.artifact import open_artifact
from nextitem.model.manifest import FILES, MANIFEST, digest_of, encode_document, version_of
from nextitem.sessions.keys import session_key

SECRET = b"a secret of tests"
NOW = 1_800_000_000_000
"""Epoch milliseconds at which test requests come."""
VERSION = "v" + "0" * 16
REGION = "us-east-1"
BUCKET = "registry"
PATIENCE_SECONDS = 20.0
"""A test that waits longer than this has failed."""
STEADY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Property tests as they must be where others use the machine too: no example fails by taking long."""


class Credentials(TypedDict):
    """What a client needs so that no real credentials are looked for."""

    aws_access_key_id: str
    aws_secret_access_key: str


CREDENTIALS: Credentials = {"aws_access_key_id": "tests", "aws_secret_access_key": "tests"}


def fresh_key() -> str:
    """The key of a session that nobody has used."""
    return session_key(SECRET, uuid.uuid4().hex)


def soon() -> Deadline:
    """A deadline that no test meets."""
    return Deadline.after(PATIENCE_SECONDS)


def passed() -> Deadline:
    """A deadline that has passed."""
    return Deadline(at=0.0, clock=lambda: 1.0)


def everything(bucket: ObjectStore) -> dict[str, bytes]:
    """All that is in a bucket."""
    found = {key: bucket.read(key) for key in bucket.keys("")}
    return {key: stored.data for key, stored in found.items() if stored is not None}


def edited(folder: Path, into: Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    """Copy an artifact with another manifest, named by it, and return its folder.

    Args:
        folder: the artifact.
        into: where its folder is made.
        edit: changes the manifest's document.
    """
    document = msgspec.json.decode((folder / MANIFEST).read_bytes())
    edit(document)
    manifest = msgspec.json.encode(document)
    copy = into / version_of(manifest)
    shutil.copytree(folder, copy)
    (copy / MANIFEST).write_bytes(manifest)
    return copy


def another_version(folder: Path, into: Path, seed: int = 7) -> Path:
    """Copy an artifact as another version, which answers the same."""
    return edited(folder, into, lambda document: document["training"].update(seed=seed))


def remade(folder: Path, into: Path, files: Mapping[str, bytes]) -> Path:
    """Copy an artifact with other files, as an exporter that went wrong would write it: every digest is right."""
    scratch = into / "scratch"
    shutil.copytree(folder, scratch)
    for name, data in files.items():
        (scratch / name).write_bytes(data)
    manifest = msgspec.structs.replace(
        open_artifact(folder).manifest, files={name: digest_of(scratch / name) for name in FILES}
    )
    document = encode_document(manifest)
    (scratch / MANIFEST).write_bytes(document)
    return scratch.rename(into / version_of(document))

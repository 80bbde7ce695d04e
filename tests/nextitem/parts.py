"""Keys, deadlines, and variants of the demo artifact for the library's tests."""

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
from nextitem.sessions.session import SessionKey

SECRET = b"a secret of tests"
NOW = 1_800_000_000_000
"""The time of test requests, in epoch milliseconds."""
VERSION = "v" + "0" * 16
REGION = "us-east-1"
BUCKET = "registry"
PATIENCE_SECONDS = 20.0
"""Maximum wait in a test: after it, the test fails."""
STEADY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Settings of property tests that do not depend on the machine's speed."""


class Credentials(TypedDict):
    """Arguments of boto3 clients, so that no real credentials are used."""

    aws_access_key_id: str
    aws_secret_access_key: str


CREDENTIALS: Credentials = {"aws_access_key_id": "tests", "aws_secret_access_key": "tests"}


HASH_KEY = b"a key of hashes"


def fresh_key() -> SessionKey:
    """Return the key of a new session. All have the same key of hashes, as a session has before and after its move."""
    return SessionKey(session_key(SECRET, uuid.uuid4().hex), HASH_KEY)


def soon() -> Deadline:
    """Return a deadline that only a failing test reaches."""
    return Deadline.after(PATIENCE_SECONDS)


def passed() -> Deadline:
    """Return a deadline in the past."""
    return Deadline(at=0.0, clock=lambda: 1.0)


def everything(bucket: ObjectStore) -> dict[str, bytes]:
    """Return all objects of a bucket by key."""
    objects = {key: bucket.read(key, 1 << 24) for key in bucket.keys("")}
    return {key: stored.data for key, stored in objects.items() if stored is not None}


def edited(folder: Path, into: Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    """Copy an artifact with an edited manifest, and return its folder.

    Args:
        folder: the artifact.
        into: the parent of the copy's folder.
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
    """Copy an artifact as another version with the same answers."""
    return edited(folder, into, lambda document: document["training"].update(seed=seed))


def remade(folder: Path, into: Path, files: Mapping[str, bytes]) -> Path:
    """Copy an artifact with other files and the right digests, as a faulty exporter would write it."""
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

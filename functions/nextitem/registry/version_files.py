"""Write a version's files, and list the versions that the bucket has whole. Never imported on the request path."""

import logging
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from nextitem.aws.object_store import ObjectStore
from nextitem.errors import ArtifactError, ObjectTooLarge, RegistryUnavailable, VersionExists
from nextitem.model.artifact import open_artifact
from nextitem.model.manifest import (
    DOCUMENTS,
    FILES,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    OPTIONAL_DOCUMENTS,
    Manifest,
    decode_manifest,
    digest_of,
    is_version,
)
from nextitem.registry.reader import model_key
from nextitem.registry.verdicts import VERDICT, Verdict, read_verdict, verdict_key

logger = logging.getLogger(__name__)


def upload_version(bucket: ObjectStore, folder: Path) -> str:
    """Upload an artifact and return its version; see `Publisher.publish`."""
    artifact = open_artifact(folder, documents=True)
    for name in (*FILES, *artifact.manifest.documents, MANIFEST):
        key, path = model_key(artifact.version, name), artifact.path(name)
        if not bucket.create(key, path) and not _has_content(bucket, key, path):
            raise VersionExists(f"{key} exists with other content; published versions are never changed")
    return artifact.version


def published_manifests(bucket: ObjectStore) -> Iterator[tuple[str, Manifest, Verdict | None]]:
    """Yield each version with a manifest, and its verdict.

    Other objects, and manifests and verdicts that cannot be used, are logged and left out.
    """
    keys = bucket.keys("models/")
    judged = {key for key in keys if key.endswith(f"/{VERDICT}")}
    for key in keys:
        version, _, name = key.removeprefix("models/").partition("/")
        if not is_version(version) or name not in {MANIFEST, VERDICT, *FILES, *DOCUMENTS, *OPTIONAL_DOCUMENTS}:
            logger.warning("%s is ignored: its name is not that of a version's file", key)
        elif name == MANIFEST and (manifest := _manifest(bucket, version)) is not None:
            yield version, manifest, _verdict(bucket, version) if verdict_key(version) in judged else None


def _verdict(bucket: ObjectStore, version: str) -> Verdict | None:
    """Read a version's verdict; return None, after a warning, if it cannot be used."""
    try:
        return read_verdict(bucket, version)
    except (ArtifactError, ObjectTooLarge) as error:
        logger.warning("%s is ignored: %s", verdict_key(version), error)
        return None


def _manifest(bucket: ObjectStore, version: str) -> Manifest | None:
    """Read a version's manifest; return None, after a warning, if it cannot be used."""
    key = model_key(version, MANIFEST)
    try:
        stored = bucket.read(key, MAX_MANIFEST_BYTES)
        return decode_manifest(stored.data, version) if stored is not None else None
    except (ArtifactError, ObjectTooLarge) as error:
        logger.warning("%s is ignored: %s", key, error)
        return None


def _has_content(bucket: ObjectStore, key: str, path: Path) -> bool:
    """Return whether an object equals a file. It is downloaded to the disk: large ones do not fit in memory.

    Raises:
        RegistryUnavailable: the object was removed meanwhile.
    """
    expected = digest_of(path)
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "object"
        try:
            exists = bucket.download(key, copy, lambda: expected.size)
        except ObjectTooLarge:
            return False
        if not exists:
            raise RegistryUnavailable(f"{key} was removed during the upload; publish again")
        return digest_of(copy) == expected

"""The registry as a running function reads it: the route that is live, and the versions that it names.

Layout of the bucket: ``models/<version>/<file>`` is written once; ``routes/<route>.json`` changes by compare-and-set
and every revision stays under ``routes/history/<route>/``; ``availability/<route>.json`` changes likewise. `publishing`
writes all this.

Several processes may share the local folder, as on Lambda Managed Instances: one of them downloads, the others wait.
"""

import fcntl
import os
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec

from nextitem.aws.object_store import ObjectReader
from nextitem.errors import ArtifactCorrupt, ArtifactUnsupported, RegistryError, VersionNotFound
from nextitem.model.artifact import Artifact, open_artifact
from nextitem.model.manifest import (
    DECODE_ERRORS,
    FILES,
    MANIFEST,
    VOCABULARY,
    WEIGHTS,
    FileDigest,
    SchemaOnly,
    digest_of,
    is_version,
)
from nextitem.registry.availability import EVERYTHING, Availability, availability_key, decode_availability

ROUTE_SCHEMA = 1
"""The newest route schema that this code reads, and the one it writes."""
_INCOMING = ".incoming-"


class Variant(msgspec.Struct, frozen=True):
    """A model version that takes a share of the sessions. Weights are relative to their sum."""

    variant: str
    version: str
    weight: float


class Route(msgspec.Struct, frozen=True):
    """Which model versions take traffic.

    Attributes:
        revision: 1, 2, 3 …; every change adds one.
        variants: one or more, with a positive sum of weights.
        changed: when, ISO 8601 in UTC.
        restores: the revision whose variants these are, where this one came by a rollback.
    """

    revision: int
    variants: tuple[Variant, ...]
    changed: str
    restores: int | None = None
    schema: int = ROUTE_SCHEMA


def model_key(version: str, name: str) -> str:
    """Return the key of one of a version's files."""
    return f"models/{version}/{name}"


def route_key(route: str) -> str:
    """Return the key of a route."""
    return f"routes/{route}.json"


def history_key(route: str, revision: int) -> str:
    """Return the key under which a revision of a route is kept."""
    return f"routes/history/{route}/{revision:08d}.json"


def decode_route(data: bytes, name: str) -> Route:
    """Return a route.

    Raises:
        ArtifactUnsupported: it was written for a newer schema.
        RegistryError: it is not a route.
    """
    try:
        schema = msgspec.json.decode(data, type=SchemaOnly).schema
        if schema > ROUTE_SCHEMA:
            raise ArtifactUnsupported(f"{route_key(name)} has schema {schema}; this code reads up to {ROUTE_SCHEMA}")
        route = msgspec.json.decode(data, type=Route)
    except DECODE_ERRORS as error:
        raise RegistryError(f"{route_key(name)} is not a route: {error}") from None
    weights = [variant.weight for variant in route.variants]
    if not weights or min(weights) < 0 or sum(weights) <= 0 or not all(is_version(v.version) for v in route.variants):
        raise RegistryError(f"{route_key(name)} must name versions with weights whose sum is positive")
    return route


class Registry:
    """Reads routes and fetches versions into a local folder.

    Args:
        bucket: where the registry is.
        folder: where fetched versions are kept, one folder each.
    """

    def __init__(self, bucket: ObjectReader, folder: Path) -> None:
        self._bucket = bucket
        self._folder = folder

    def route(self, name: str) -> Route:
        """Return a route as it is now.

        Raises:
            VersionNotFound: there is no such route: nothing was promoted yet.
            RegistryError: it cannot be read.
            ArtifactUnsupported: it was written for a newer schema.
        """
        stored = self._bucket.read(route_key(name))
        if stored is None:
            raise VersionNotFound(f"{route_key(name)} is not in the bucket: promote a version first")
        return decode_route(stored.data, name)

    def availability(self, name: str) -> Availability:
        """Return what is available on a route as it is now; everything where nothing was said.

        Raises:
            RegistryError: it cannot be read.
            ArtifactUnsupported: it was written for a newer schema.
        """
        stored = self._bucket.read(availability_key(name))
        return EVERYTHING if stored is None else decode_availability(stored.data, name)

    def fetch(self, version: str) -> Artifact:
        """Return a version, verified; it is downloaded unless an intact copy is there, or comes by another process.

        Raises:
            VersionNotFound: the registry has no such version.
            ArtifactCorrupt: a file is missing or not what the manifest says.
            ArtifactUnsupported: made for a newer schema.
            RegistryUnavailable: the bucket cannot be read.
            RegistryError: the folder cannot be written.
        """
        if not is_version(version):
            raise VersionNotFound(f"{version!r} is not a model version (v and 16 hex digits)")
        home = self._folder / version
        if (copy := _intact(home)) is not None:
            return copy
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with _alone_in(self._folder):
                if (copy := _intact(home)) is not None:  # by whoever was alone here before
                    return copy
                self._clear(home)
                with _incoming(self._folder) as incoming:
                    digests = self._download(version, incoming / version)
                    artifact = open_artifact(incoming / version, digests)
                    os.replace(incoming / version, home)  # noqa: PTH105 - Path.replace says less plainly: folders
                return msgspec.structs.replace(artifact, folder=home)
        except OSError as error:
            raise RegistryError(f"{version} cannot be kept in {self._folder}: {error}") from error

    def forget_others(self, versions: Collection[str]) -> None:
        """Remove the local copies of all versions but these; a model that is open stays usable."""
        for home in self._folder.glob("v*"):
            if is_version(home.name) and home.name not in versions:
                _remove(home, ignore_errors=True)

    def _download(self, version: str, folder: Path) -> dict[str, FileDigest]:
        """Bring a version's files, the largest first, and return their digests, each taken as soon as it is there."""
        folder.mkdir()

        def bring(name: str) -> FileDigest | None:
            there = self._bucket.download(model_key(version, name), folder / name)
            return digest_of(folder / name) if there else None

        names = (WEIGHTS, VOCABULARY, MANIFEST, *(name for name in FILES if name not in {WEIGHTS, VOCABULARY}))
        with ThreadPoolExecutor(len(names)) as pool:
            found = dict(zip(names, pool.map(bring, names), strict=True))
        missing = sorted(name for name, digest in found.items() if digest is None)
        if MANIFEST in missing:
            raise VersionNotFound(f"the registry has no version {version}")
        if missing:
            raise ArtifactCorrupt(f"{version} lacks {', '.join(missing)} in the registry")
        return {name: digest for name, digest in found.items() if digest is not None}

    def _clear(self, home: Path) -> None:
        """Remove a damaged copy, and what a process that died while it downloaded has left."""
        for left in (home, *self._folder.glob(f"{_INCOMING}*")):
            if left.is_dir():
                _remove(left)


def _intact(home: Path) -> Artifact | None:
    if not home.is_dir():
        return None
    try:
        return open_artifact(home)
    except ArtifactCorrupt:
        return None


@contextmanager
def _incoming(folder: Path) -> Iterator[Path]:
    """Make a folder for what is on its way, and remove it. Who has the folder's lock is alone to do so."""
    incoming = folder / f"{_INCOMING}{os.getpid()}"
    incoming.mkdir()
    try:
        yield incoming
    except BaseException:
        _remove(incoming, ignore_errors=True)
        raise
    incoming.rmdir()


def _remove(folder: Path, *, ignore_errors: bool = False) -> None:
    import shutil  # with the compressors that it imports 3 ms, which a start does without

    shutil.rmtree(folder, ignore_errors=ignore_errors)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep the folder's lock; the kernel gives it up for a process that dies. The lock is the folder's own: no file."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)

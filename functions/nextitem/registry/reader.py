"""Read the registry: routes, and the versions that they name.

The bucket's layout, which `publisher` writes:

- ``models/<version>/<file>`` is written once.
- ``routes/<route>.json`` changes by compare-and-set; each revision stays under ``routes/history/<route>/``.
- ``catalogues/routes/<route>.json`` names the route's catalogue, which is below ``catalogues/<version>/``; see
  `catalogues`.
- ``availability/<route>.json`` changes by compare-and-set; ``availability/last-good/<route>.json`` is a copy of it.

People and tools put other objects there, too, such as the folder markers of S3's console: they are logged and ignored.

Several processes may share the local folder, as on Lambda Managed Instances: one of them downloads, the others wait.
"""

import os
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec

from nextitem.aws.object_store import ObjectReader
from nextitem.errors import (
    ArtifactCorrupt,
    ObjectTooLarge,
    RegistryError,
    VersionNotFound,
)
from nextitem.model.artifact import Artifact, open_artifact
from nextitem.model.manifest import (
    FILES,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    VOCABULARY,
    WEIGHTS,
    FileDigest,
    Manifest,
    decode_manifest,
    digest_of,
    is_version,
)
from nextitem.registry.availability import (
    ALL_AVAILABLE,
    MAX_AVAILABILITY_BYTES,
    Availability,
    availability_key,
    decode_availability,
    last_good_key,
)
from nextitem.registry.catalogues import Catalogues
from nextitem.registry.history import ROUTES
from nextitem.registry.local_folder import INCOMING, incoming, intact, locked, remove
from nextitem.registry.route import Route, route_key


def model_key(version: str, name: str) -> str:
    """Return the bucket key of a version's file."""
    return f"models/{version}/{name}"


class Registry:
    """Reads routes and fetches versions into a local folder.

    Args:
        bucket: the registry's bucket.
        folder: the local folder of fetched versions, one folder each.

    Attributes:
        catalogues: the catalogues of the same bucket.
    """

    def __init__(self, bucket: ObjectReader, folder: Path) -> None:
        self._bucket = bucket
        self._folder = folder
        self.catalogues = Catalogues(bucket, folder)

    def route(self, name: str) -> Route:
        """Read a route.

        Raises:
            VersionNotFound: there is no such route, because no version was promoted yet.
            RegistryError: it cannot be read.
            ArtifactUnsupported: it was written for a newer schema.
        """
        route = ROUTES.read(self._bucket, name).document
        if route is None:
            raise VersionNotFound(f"{route_key(name)} is not in the bucket: promote a version first")
        return route

    def revisions(self, name: str) -> list[int]:
        """Return the revisions in a route's history, oldest first."""
        return ROUTES.revisions(self._bucket, name)

    def revision(self, name: str, revision: int) -> Route | None:
        """Read a revision from a route's history; return None, after a warning, if the object is not this revision.

        Raises:
            RegistryUnavailable: the bucket cannot be read.
            ArtifactUnsupported: it was written for a newer schema.
        """
        return ROUTES.revision(self._bucket, name, revision)

    def availability(self, name: str) -> Availability:
        """Read the availability of a route. Without one, the last good one holds.

        Raises:
            RegistryError: it cannot be read.
            ArtifactUnsupported: it was written for a newer schema.
        """
        key = availability_key(name)
        stored = self._bucket.read(key, MAX_AVAILABILITY_BYTES)
        return decode_availability(stored.data, key) if stored is not None else self.last_good_availability(name)

    def last_good_availability(self, name: str) -> Availability:
        """Read the copy of a route's newest availability. Without one, nothing was ever unavailable.

        Raises:
            RegistryError: it cannot be read.
            ArtifactUnsupported: it was written for a newer schema.
        """
        key = last_good_key(name)
        stored = self._bucket.read(key, MAX_AVAILABILITY_BYTES)
        return ALL_AVAILABLE if stored is None else decode_availability(stored.data, key)

    def fetch(self, version: str) -> Artifact:
        """Return a version, verified. Download it unless the folder has an intact copy.

        Raises:
            VersionNotFound: the registry has no such version.
            ArtifactCorrupt: a file is missing or differs from the manifest.
            ArtifactUnsupported: it was written for a newer schema.
            RegistryUnavailable: the bucket cannot be read.
            RegistryError: the manifest is too large, or the folder has no room or cannot be written.
        """
        if not is_version(version):
            raise VersionNotFound(f"{version!r} is not a model version (v and 16 hex digits)")
        home = self._folder / version
        if (copy := intact(home)) is not None:
            return copy
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with locked(self._folder):
                if (copy := intact(home)) is not None:  # another process fetched it meanwhile
                    return copy
                self._clear(home)
                with incoming(self._folder) as folder:
                    digests = self._download(version, folder / version)
                    artifact = open_artifact(folder / version, digests)
                    os.replace(folder / version, home)  # noqa: PTH105 - Path.replace looks like a string method
                return msgspec.structs.replace(artifact, folder=home)
        except OSError as error:
            raise RegistryError(f"{version} cannot be kept in {self._folder}: {error}") from error

    def fetch_document(self, artifact: Artifact, name: str) -> None:
        """Put a document of a fetched version beside its files, if the version has one of that name.

        Raises:
            ArtifactCorrupt: the document is missing, or not what the manifest says.
            RegistryError: the bucket cannot be read, or the folder cannot be written.
        """
        expected, path = artifact.manifest.documents.get(name), artifact.path(name)
        if expected is None or (path.is_file() and digest_of(path) == expected):
            return
        key = model_key(artifact.version, name)
        try:
            with incoming(self._folder) as folder:
                exists = self._bucket.download(key, folder / name, lambda: expected.size)
                if not exists or digest_of(folder / name) != expected:
                    raise ArtifactCorrupt(f"{key} is missing or damaged: publish {artifact.version} again")
                os.replace(folder / name, path)  # noqa: PTH105 - Path.replace looks like a string method
        except OSError as error:
            raise RegistryError(f"{key} cannot be kept in {self._folder}: {error}") from error

    def remove_other_copies(self, versions: Collection[str]) -> None:
        """Remove the local copies of all other versions. A model that is open stays usable."""
        for home in self._folder.glob("v*"):
            if is_version(home.name) and home.name not in versions:
                remove(home, ignore_errors=True)

    def _download(self, version: str, folder: Path) -> dict[str, FileDigest]:
        """Download a version's files, the largest first, and return their digests.

        All are requested at once; their content waits for the manifest, which says how large they may be.
        """
        folder.mkdir()
        names = (WEIGHTS, VOCABULARY, *(name for name in FILES if name not in {WEIGHTS, VOCABULARY}))
        with ThreadPoolExecutor(len(names) + 1) as pool:
            manifest = pool.submit(self._download_manifest, version, folder)
            downloads = [pool.submit(self._download_file, version, name, folder, manifest) for name in names]
            manifest.result()
            digests = {name: download.result() for name, download in zip(names, downloads, strict=True)}
        if missing := sorted(name for name, digest in digests.items() if digest is None):
            raise ArtifactCorrupt(f"{version} lacks {', '.join(missing)} in the registry")
        return {name: digest for name, digest in digests.items() if digest is not None}

    def _download_manifest(self, version: str, folder: Path) -> Manifest:
        """Download a version's manifest, and check that the folder has room for the files that it lists."""
        stored = self._bucket.read(model_key(version, MANIFEST), MAX_MANIFEST_BYTES)
        if stored is None:
            raise VersionNotFound(f"the registry has no version {version}")
        manifest = decode_manifest(stored.data, version)
        needed, disk = sum(digest.size for digest in manifest.files.values()), os.statvfs(folder)
        if needed > (free := disk.f_bavail * disk.f_frsize):
            raise RegistryError(
                f"{version} has {needed} bytes, and {self._folder} has room for {free}: enlarge the disk"
            )
        (folder / MANIFEST).write_bytes(stored.data)
        return manifest

    def _download_file(self, version: str, name: str, folder: Path, manifest: "Future[Manifest]") -> FileDigest | None:
        """Download a file unless it is larger than its manifest says; return None if it is missing."""
        try:
            exists = self._bucket.download(
                model_key(version, name), folder / name, lambda: manifest.result().files[name].size
            )
        except ObjectTooLarge as error:
            raise ArtifactCorrupt(f"{name} of {version} differs from its manifest: {error}") from None
        return digest_of(folder / name) if exists else None

    def _clear(self, home: Path) -> None:
        """Remove a damaged copy, and the files of processes that died during a download."""
        for folder in (home, *self._folder.glob(f"{INCOMING}*")):
            if folder.is_dir():
                remove(folder)

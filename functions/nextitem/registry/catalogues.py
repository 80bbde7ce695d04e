"""Read catalogues: a route's pointer, the catalogue that it names, and the joins with models.

Imports no numpy: a cold start fetches before it imports that.
"""

import os
from pathlib import Path

from nextitem.aws.object_store import ObjectReader
from nextitem.catalogue.version import is_catalogue_version, version_of_catalogue
from nextitem.errors import ArtifactCorrupt, ObjectTooLarge, RegistryError, VersionNotFound
from nextitem.model.manifest import is_version
from nextitem.registry.catalogue_pointer import CataloguePointer, catalogue_key, join_key
from nextitem.registry.history import POINTERS
from nextitem.registry.local_folder import INCOMING, locked, remove

MAX_CATALOGUE_BYTES = 4 << 30
"""Maximum size of a catalogue, and of a join: both are mapped into memory, and Lambda's largest disk has 10 GiB."""


class Catalogues:
    """Reads the catalogues of a bucket and keeps them in a local folder, which several processes may share.

    Args:
        bucket: the registry's bucket.
        folder: the local folder of fetched versions; each catalogue has its own folder there.
    """

    def __init__(self, bucket: ObjectReader, folder: Path) -> None:
        self._bucket, self._folder = bucket, folder

    def pointer(self, route: str) -> CataloguePointer | None:
        """Read which catalogue a route uses; return None if it uses none.

        Raises:
            RegistryError: it cannot be read.
            ArtifactUnsupported: it was written for a newer schema.
        """
        return POINTERS.read(self._bucket, route).document

    def revisions(self, route: str) -> list[int]:
        """Return the revisions in the history of a route's pointer, oldest first."""
        return POINTERS.revisions(self._bucket, route)

    def revision(self, route: str, revision: int) -> CataloguePointer | None:
        """Read a revision of a route's pointer; return None, after a warning, if the object is not this revision.

        Raises:
            RegistryUnavailable: the bucket cannot be read.
            ArtifactUnsupported: it was written for a newer schema.
        """
        return POINTERS.revision(self._bucket, route, revision)

    def fetch(self, version: str) -> Path:
        """Return the file of a catalogue. Download it unless the folder has it.

        The file is not verified yet: `catalogue.file.Catalogue` does that, and `verify` more.

        Raises:
            VersionNotFound: the bucket has no such catalogue.
            RegistryUnavailable: the bucket cannot be read.
            RegistryError: it is too large, or the folder has no room or cannot be written.
        """
        if not is_catalogue_version(version):
            raise VersionNotFound(f"{version!r} is not a catalogue's version (c and 16 hex digits)")
        path = self._folder / version / "catalogue.bin"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with locked(path.parent):
                if not path.exists():
                    self._download(catalogue_key(version), path)
        except OSError as error:
            raise RegistryError(f"{version} cannot be kept in {path.parent}: {error}") from error
        return path

    def verify(self, version: str) -> Path:
        """Return the file of a catalogue whose content has the digest that its version says, as `fetch` does.

        Raises:
            ArtifactCorrupt: it has another one.
        """
        path = self.fetch(version)
        if version_of_catalogue(path) != version:
            path.unlink(missing_ok=True)
            what = "has other content than its name says: delete the object, and publish the catalogue again"
            raise ArtifactCorrupt(f"{catalogue_key(version)} {what}")
        return path

    def fetch_join(self, version: str, model: str) -> Path:
        """Return the file of the join of a catalogue with a model version. Download it unless the folder has it.

        The file is not verified yet: `catalogue.join.open_join` does that.

        Raises:
            VersionNotFound: the bucket has no such join.
            RegistryUnavailable: the bucket cannot be read.
            RegistryError: it is too large, or the folder has no room or cannot be written.
        """
        if not (is_catalogue_version(version) and is_version(model)):
            raise VersionNotFound(f"{version!r} with {model!r} are not the versions of a catalogue and of a model")
        path = self._folder / version / f"{model}.bin"
        if not path.exists():
            self._download(join_key(version, model), path)
        return path

    def remove_other_copies(self, version: str | None) -> None:
        """Remove the local copies of all other catalogues and their joins. One that is open stays usable."""
        for home in self._folder.glob("c*"):
            if is_catalogue_version(home.name) and home.name != version:
                remove(home, ignore_errors=True)

    def _download(self, key: str, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            incoming = path.with_name(f"{INCOMING}{os.getpid()}-{path.name}")
            try:
                if not self._bucket.download(key, incoming, lambda: MAX_CATALOGUE_BYTES):
                    raise VersionNotFound(f"{key} is not in the bucket")
                incoming.replace(path)
            finally:
                incoming.unlink(missing_ok=True)
        except ObjectTooLarge as error:
            raise RegistryError(f"the catalogue cannot be used: {error}") from None
        except OSError as error:
            raise RegistryError(f"{key} cannot be kept in {path.parent}: {error}") from error

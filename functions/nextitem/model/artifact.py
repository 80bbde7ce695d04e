"""Open an artifact: a model version in a folder of that name, each file checked against the manifest."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from nextitem.errors import ArtifactCorrupt, os_reason
from nextitem.model.certificate import Certificate, decode_certificate
from nextitem.model.manifest import CERTIFICATE, FILES, MANIFEST, FileDigest, Manifest, decode_manifest, digest_of


class Artifact(msgspec.Struct, frozen=True):
    """A verified artifact: its version, its folder and its manifest."""

    version: str
    folder: Path
    manifest: Manifest

    def certificate(self) -> Certificate:
        """Read the golden sessions.

        Raises:
            ArtifactCorrupt: the certificate cannot be read, or certifies too little.
            OSError: the file is gone: another process of this environment has removed the version.
        """
        return decode_certificate(self.path(CERTIFICATE).read_bytes(), self.version, self.manifest.model.items)

    def path(self, name: str) -> Path:
        """Return the path of one of the artifact's files."""
        return self.folder / name


def open_artifact(
    folder: Path, digests: Mapping[str, FileDigest] | None = None, *, documents: bool = False
) -> Artifact:
    """Verify the artifact in a folder and return it.

    Args:
        folder: a folder whose name is the model version.
        digests: the digests of its files, if they were just computed.
        documents: verify its documents, too. Functions do not fetch them.

    Raises:
        ArtifactCorrupt: a file is missing or differs from its digest, or the folder is not named by its version.
        ArtifactUnsupported: it was written for another schema.
    """
    version = folder.resolve().name
    try:
        manifest = decode_manifest((folder / MANIFEST).read_bytes(), version)
        for name in FILES:
            _verify(folder / name, manifest.files[name], version, digests[name] if digests else None)
        for name, expected in manifest.documents.items() if documents else ():
            _verify(folder / name, expected, version)
    except OSError as error:
        name = Path(str(error.filename)).name
        raise ArtifactCorrupt(f"{version} cannot be read: {name}: {os_reason(error)}") from error
    return Artifact(version, folder, manifest)


def _verify(path: Path, expected: FileDigest, version: str, computed: FileDigest | None = None) -> None:
    size = path.stat().st_size
    if size != expected.size:
        raise ArtifactCorrupt(f"{path.name} of {version} has {size} bytes, its manifest says {expected.size}")
    if (computed or digest_of(path)) != expected:
        raise ArtifactCorrupt(f"{path.name} of {version} is damaged: its SHA-256 is not the manifest's")

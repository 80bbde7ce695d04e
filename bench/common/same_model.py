"""Another version that answers as a version does: only its manifest has another seed."""

import shutil
from pathlib import Path

import msgspec

from nextitem.model.artifact import open_artifact
from nextitem.model.manifest import MANIFEST, encode_document, version_of


def same_model_again(artifact: Path, folder: Path) -> Path:
    """Copy an artifact into a folder as another version, and return its directory, whose name is the version.

    Raises:
        ArtifactError: the artifact is damaged.
    """
    copy = folder / "copy"
    shutil.copytree(artifact, copy)
    manifest = open_artifact(artifact).manifest
    training = msgspec.structs.replace(manifest.training, seed=manifest.training.seed + 1)
    document = encode_document(msgspec.structs.replace(manifest, training=training))
    (copy / MANIFEST).write_bytes(document)
    return copy.rename(folder / version_of(document))

"""The local folder of fetched versions, which several processes may share."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nextitem.errors import ArtifactCorrupt
from nextitem.model.artifact import Artifact, open_artifact

INCOMING = ".incoming-"
"""Prefix of the folder of an unfinished download."""


def intact(home: Path) -> Artifact | None:
    """Return the artifact in a folder, or None if it is missing or damaged."""
    if not home.is_dir():
        return None
    try:
        return open_artifact(home)
    except ArtifactCorrupt:
        return None


@contextmanager
def incoming(folder: Path) -> Iterator[Path]:
    """Make a folder for a download, and remove it in the end. The caller must hold the lock of `folder`."""
    incoming = folder / f"{INCOMING}{os.getpid()}"
    incoming.mkdir()
    try:
        yield incoming
    except BaseException:
        remove(incoming, ignore_errors=True)
        raise
    incoming.rmdir()


def remove(folder: Path, *, ignore_errors: bool = False) -> None:
    """Remove a folder and its content."""
    import shutil  # imported lazily: 3 ms, because it imports compressors

    shutil.rmtree(folder, ignore_errors=ignore_errors)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder (it needs no lock file). The kernel releases it if the process dies."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

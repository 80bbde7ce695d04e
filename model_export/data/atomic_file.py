"""Files and folders that appear whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from nextitem.errors import InputError

Write = Callable[[Path], object]
"""Writes a file at the path that it gets."""


def write_atomically(path: Path, write: Write) -> None:
    """Write a file beside its place, then move it there.

    Args:
        path: where the file belongs; missing folders are made.
        write: writes it to a path that ends as `path` does.

    Raises:
        InputError: it cannot be written.
    """
    write_together({path: write})


def write_together(files: Mapping[Path, Write]) -> None:
    """Write several files; they take their places only after all are written.

    Raises:
        InputError: one cannot be written; the files that were there before are then untouched.
    """
    staged: dict[Path, Path] = {}
    path = Path()
    with ExitStack() as stack:
        try:
            for path, write in files.items():
                if path.is_dir():
                    raise IsADirectoryError(None, "Is a directory")
                path.parent.mkdir(parents=True, exist_ok=True)
                descriptor, name = tempfile.mkstemp(prefix=".", suffix=path.name, dir=path.parent)
                os.close(descriptor)
                staged[path] = Path(name)
                stack.callback(staged[path].unlink, missing_ok=True)
                write(staged[path])
                staged[path].chmod(0o644)
            for path, temporary in staged.items():
                temporary.replace(path)
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror or error}") from error


def refuse_taken(path: Path) -> None:
    """Check that nothing has the name of a new folder yet.

    Raises:
        InputError: the name is taken.
    """
    if os.path.lexists(path):
        raise InputError(f"{path} exists already; name another folder or remove it")


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give a folder to fill, which takes its name only when the block ends without an error.

    Raises:
        InputError: the name is taken, or the folder cannot be made.
    """
    refuse_taken(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        incoming = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        try:
            yield incoming
            incoming.chmod(0o755)
            incoming.rename(path)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error

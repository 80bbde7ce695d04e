"""Writes files whole or not at all. Knows nothing of what is in them."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from nextitem.errors import InputError


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Have a file written beside its place, then moved into it.

    Args:
        path: where the file belongs.
        write: writes it to the path that it is given, which ends as `path` does.

    Raises:
        InputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".", suffix=path.name, dir=path.parent)
        os.close(descriptor)
        temporary = Path(name)
        try:
            write(temporary)
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error

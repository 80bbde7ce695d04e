"""Packages that only some commands need; a missing one is an error that names the extra to install."""

from collections.abc import Iterator
from contextlib import contextmanager

from nextitem.errors import InputError


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Import packages of an extra inside the block.

    Raises:
        InputError: a package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("model_export", "nextitem"):
            raise
        raise InputError(f"{error.name} is not installed: pip install 'nextitem[{name}]'") from error

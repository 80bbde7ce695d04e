"""Packages that only some commands need: their absence is told as what to install."""

from collections.abc import Iterator
from contextlib import contextmanager

from nextitem.errors import InputError


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Import what an extra of the package brings, inside the block.

    Raises:
        InputError: it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("model_export", "nextitem"):
            raise
        raise InputError(f"{error.name} is not installed: pip install 'nextitem[{name}]'") from error

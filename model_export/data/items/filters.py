"""Read the named filters of a catalogue from a file, and check them against its columns."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nextitem.catalogue.columns import Column
from nextitem.catalogue.filters import parse_filter
from nextitem.errors import InputError, PathUnusable, RequestError


class _Attributes:
    """The columns of a catalogue, and named filters that it is to have."""

    def __init__(self, columns: Mapping[str, Column], named: Mapping[str, Any]) -> None:
        self.columns, self.named_filters = columns, named


def read_named_filters(path: Path) -> dict[str, Any]:
    """Return the filters of a file by their names: .toml with a table for each, or .json with one object.

    Raises:
        InputError: the file cannot be read, or is no such document.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        document = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except OSError as error:
        raise PathUnusable(path, "read", error) from error
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        kind = "TOML" if path.suffix.lower() == ".toml" else "JSON"
        raise InputError(f"{path} is not valid {kind}: {error}") from error
    if not isinstance(document, dict):
        raise InputError(f"{path} must be an object: the name of each filter, and the filter")
    return document


def check_named_filters(named: Mapping[str, Any], columns: Mapping[str, Column], name: str) -> None:
    """Check that requests can use each of the filters.

    Args:
        named: the filters.
        columns: the catalogue's columns.
        name: of the file, for errors.

    Raises:
        InputError: naming the filter that cannot be used, and why.
    """
    attributes = _Attributes(columns, named)
    for key, document in named.items():
        try:
            parse_filter(document, attributes, path=key)
        except RequestError as error:
            raise InputError(f"{name}, filter {key!r}: {error}") from error

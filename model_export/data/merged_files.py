"""Parquet files of the event lake that were merged from others of their folder, and say so in their footer.

A merged file replaces the files that it names, its sources: they may still be there until the compaction that wrote it
has deleted them (decision 37). A reader of a folder leaves them out.
"""

from collections.abc import Mapping
from pathlib import Path

import duckdb
import msgspec

from nextitem.errors import RegistryUnavailable

PREFIX = "merged-"
"""Names of merged files begin so, and come after those of all sources (`b0007-...`): a listing in pages that runs while
files are merged then has the merged file if it lacks its sources."""
SUFFIX = ".parquet"
SOURCES = "sources"
"""The entry of the footer's metadata that names the sources."""

Sources = Mapping[str, tuple[int, str]]
"""By file name: the number of entries of the stream that a source was made of, and the id of the last one."""


def is_merged(name: str) -> bool:
    """Return whether a file's name, or its key, is that of a merged file."""
    last = name.rpartition("/")[2]
    return last.startswith(PREFIX) and last.endswith(SUFFIX)


def merged_name(number: int) -> str:
    """Return the name of the n-th merged file of a folder."""
    return f"{PREFIX}{number:04d}{SUFFIX}"


def number_of(name: str) -> int:
    """Return the number of a merged file; -1 if its name has none."""
    digits = name.rpartition("/")[2].removeprefix(PREFIX).removesuffix(SUFFIX)
    return int(digits) if digits.isascii() and digits.isdecimal() else -1


def sources_of(connection: duckdb.DuckDBPyConnection, file: Path, name: str) -> Sources:
    """Return the sources that a Parquet file names; none if it is not one of the lake's merged files.

    Args:
        connection: reads it. A new one takes 20 ms.
        file: it, or a copy.
        name: its own, for errors.

    Raises:
        RegistryUnavailable: it is damaged.
    """
    query = "SELECT value FROM parquet_kv_metadata($file) WHERE decode(key) = $key"
    try:
        found = connection.execute(query, {"file": str(file), "key": SOURCES}).fetchall()
        return msgspec.json.decode(found[0][0], type=dict[str, tuple[int, str]]) if found else {}
    except (duckdb.Error, msgspec.DecodeError) as error:
        shown = str(error).splitlines()[0]
        shown = shown.replace(str(file), name)
        raise RegistryUnavailable(f"{name} is not a merged file of the lake, or is damaged: {shown}") from None

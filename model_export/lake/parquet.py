"""Write and read the lake's Parquet files with DuckDB (decision 37)."""

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

import duckdb
import msgspec

from model_export.data.merged_files import SOURCES
from model_export.lake.records import Deletion, Record
from nextitem.errors import RegistryUnavailable

COLUMNS = {
    "session": "VARCHAR",
    "event": "VARCHAR",
    "item_id": "VARCHAR",
    "type": "VARCHAR",
    "occurred_at": "BIGINT",
    "arrived_at": "BIGINT",
    "entry": "VARCHAR",
    "late": "BOOLEAN",
    "version": "VARCHAR",
    "variant": "VARCHAR",
    "rank": "INTEGER",
    "clicked": "BOOLEAN",
    "judged_version": "VARCHAR",
    "judged_variant": "VARCHAR",
    "placement": "VARCHAR",
    "team": "VARCHAR",
}
"""The columns and their types in SQL: the attributes of `Record`."""
CLOCK_MARGIN_MS = 1_000
"""Events that arrived up to this long after a deletion go with it: the clocks of the store's servers differ."""
MERGE_LIMITS: Mapping[str, str | int] = {"memory_limit": "512MiB", "threads": 2}
"""Settings of DuckDB for a merge: it streams the rows, and beyond the limit it fails instead of taking more memory."""


@dataclass(frozen=True)
class Contents:
    """The entries that a file was made of: their number, with deletions, and the id of the last one."""

    entries: int
    last: str


def encode_file(records: Sequence[Record], contents: Contents) -> bytes:
    """Return a Parquet file of records."""
    with tempfile.TemporaryDirectory() as folder:
        lines, file = Path(folder) / "records.jsonl", Path(folder) / "records.parquet"
        lines.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
        with duckdb.connect() as connection:
            columns = ", ".join(f"{name}: '{kind}'" for name, kind in COLUMNS.items())
            source = f"read_json('{lines}', format = 'newline_delimited', columns = {{{columns}}})"
            write_file(connection, f"SELECT * FROM {source}", file, footer_of(contents))  # noqa: S608 - our own names
        return file.read_bytes()


def contents_of(data: bytes, key: str) -> Contents:
    """Return the entries that a file was made of.

    Args:
        data: the file.
        key: its key, for errors.

    Raises:
        RegistryUnavailable: it is damaged, or not one of the lake's.
    """
    with _named(key), tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        return _contents(_metadata(connection, _saved(folder, data)))


def without_deleted(data: bytes, key: str, deletions: Collection[Deletion]) -> bytes | None:
    """Return a file without the events of deleted sessions that arrived before their deletion; None if it has none.

    Args:
        data: the file.
        key: its key, for errors.
        deletions: one for each session.

    Raises:
        RegistryUnavailable: it is damaged, or not one of the lake's.
    """
    with _named(key), tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        file = _saved(folder, data)
        _create_deleted(connection, deletions)
        source = f"FROM read_parquet('{file}') AS record"
        (found,) = connection.execute(f"SELECT count(*) {source} WHERE {_IS_DELETED}").fetchall()[0]
        if not found:
            return None
        kept = Path(folder) / "kept.parquet"
        write_file(connection, f"SELECT * {source} WHERE NOT {_IS_DELETED}", kept, _metadata(connection, file))
        return kept.read_bytes()


def merge_files(sources: Mapping[str, Path], merged: Path, deletions: Collection[Deletion]) -> None:
    """Write a file with the rows of others, without events of deleted sessions, whose footer names the others.

    Args:
        sources: the files, by the name that they have in the lake. Names and paths are without quotes.
        merged: the new file.
        deletions: one for each session.

    Raises:
        duckdb.Error: a source is not a Parquet file.
        KeyError: a source is not one of the lake's.
    """
    with duckdb.connect(config={**MERGE_LIMITS}) as connection:
        _create_deleted(connection, deletions)
        files = ", ".join(f"'{path}'" for path in sources.values())
        query = f"SELECT decode(key), decode(value), file_name FROM parquet_kv_metadata([{files}])"  # noqa: S608 - our own files
        footers: dict[str, dict[str, str]] = {}
        for key, value, file in connection.execute(query).fetchall():
            footers.setdefault(file, {})[key] = value
        named = {name: astuple(_contents(footers[str(path)])) for name, path in sources.items()}
        rows = f"SELECT {', '.join(COLUMNS)} FROM read_parquet([{files}]) AS record WHERE NOT {_IS_DELETED}"  # noqa: S608 - our own names
        write_file(connection, rows, merged, {SOURCES: msgspec.json.encode(named).decode()})


@contextmanager
def _named(key: str) -> Iterator[None]:
    """Name the file in errors of reading it."""
    try:
        yield
    except (duckdb.Error, KeyError, ValueError) as error:
        shown = str(error).splitlines()[0]
        raise RegistryUnavailable(f"{key} is damaged, or is not a file of the lake: {shown}") from None


_KEYS = {"entries", "last", SOURCES}
"""Of the metadata of the lake's files."""
_IS_DELETED = "EXISTS (FROM deleted WHERE deleted.session = record.session AND arrived_at <= until)"


def _create_deleted(connection: duckdb.DuckDBPyConnection, deletions: Collection[Deletion]) -> None:
    connection.execute("CREATE TABLE deleted (session VARCHAR, until BIGINT)")
    rows = [(deletion.session, deletion.deleted_at + CLOCK_MARGIN_MS) for deletion in deletions]
    if rows:
        connection.executemany("INSERT INTO deleted VALUES (?, ?)", rows)


def _saved(folder: str, data: bytes) -> Path:
    file = Path(folder) / "file.parquet"
    file.write_bytes(data)
    return file


def footer_of(contents: Contents) -> dict[str, str]:
    """Return the metadata of the footer of a collector's file."""
    return {"entries": str(contents.entries), "last": contents.last}


def _contents(metadata: Mapping[str, str]) -> Contents:
    return Contents(int(metadata["entries"]), metadata["last"])


def _metadata(connection: duckdb.DuckDBPyConnection, file: Path) -> dict[str, str]:
    query = f"SELECT decode(key), decode(value) FROM parquet_kv_metadata('{file}')"  # noqa: S608 - our own file
    return {key: value for key, value in connection.execute(query).fetchall() if key in _KEYS}


def write_file(connection: duckdb.DuckDBPyConnection, rows: str, file: Path, metadata: Mapping[str, str]) -> None:
    """Write the result of a query, with the columns of `COLUMNS`, as a file of the lake.

    Args:
        connection: runs the query.
        rows: it.
        file: the new file.
        metadata: of its footer: entries and last, or sources.
    """
    footer = ", ".join(f"{key}: '{value}'" for key, value in metadata.items())
    connection.execute(f"COPY ({rows}) TO '{file}' (FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{footer}}})")

"""Write and read the lake's Parquet files with DuckDB (decision 37)."""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec

from model_export.lake.records import Deletion, Record

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
            write_file(connection, f"SELECT * FROM {source}", file, contents)  # noqa: S608 - our own names
        return file.read_bytes()


def contents_of(data: bytes) -> Contents:
    """Return the entries that a file was made of.

    Raises:
        duckdb.Error: it is not a Parquet file.
        KeyError: it is not one of the lake's.
    """
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        return _contents(connection, _saved(folder, data))


def without_deleted(data: bytes, deletions: Collection[Deletion]) -> bytes | None:
    """Return a file without the events of deleted sessions that arrived before their deletion; None if it has none.

    Args:
        data: the file.
        deletions: one for each session.
    """
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        file = _saved(folder, data)
        connection.execute("CREATE TABLE deleted (session VARCHAR, until BIGINT)")
        rows = [(deletion.session, deletion.deleted_at + CLOCK_MARGIN_MS) for deletion in deletions]
        connection.executemany("INSERT INTO deleted VALUES (?, ?)", rows)
        matches = "EXISTS (FROM deleted WHERE deleted.session = record.session AND arrived_at <= until)"
        source = f"FROM read_parquet('{file}') AS record"
        (found,) = connection.execute(f"SELECT count(*) {source} WHERE {matches}").fetchall()[0]
        if not found:
            return None
        kept = Path(folder) / "kept.parquet"
        write_file(connection, f"SELECT * {source} WHERE NOT {matches}", kept, _contents(connection, file))
        return kept.read_bytes()


def _saved(folder: str, data: bytes) -> Path:
    file = Path(folder) / "file.parquet"
    file.write_bytes(data)
    return file


def _contents(connection: duckdb.DuckDBPyConnection, file: Path) -> Contents:
    rows = connection.execute(f"SELECT key, value FROM parquet_kv_metadata('{file}')").fetchall()  # noqa: S608 - our own file
    metadata: Mapping[bytes, bytes] = dict(rows)
    return Contents(int(metadata[b"entries"]), metadata[b"last"].decode())


def write_file(connection: duckdb.DuckDBPyConnection, rows: str, file: Path, contents: Contents) -> None:
    """Write the result of a query, with the columns of `COLUMNS`, as a file of the lake."""
    metadata = f"{{entries: '{contents.entries}', last: '{contents.last}'}}"
    connection.execute(f"COPY ({rows}) TO '{file}' (FORMAT parquet, COMPRESSION zstd, KV_METADATA {metadata})")

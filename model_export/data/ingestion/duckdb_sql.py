"""Parts of the loaders that read event files into DuckDB.

A loader creates a table of the columns that paths need, under names of its own, and `place`. No name from a file
reaches SQL but those of columns that are read.
"""

from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from model_export.data.ingestion.csv_checks import Dialect
from model_export.data.ingestion.paths import Path as ValuePath
from model_export.data.ingestion.text_files import TextFile


class File(NamedTuple):
    """A file to read.

    Attributes:
        path: of a name without patterns.
        name: as the user named it, for errors.
        packed: whether gzip packs it.
        place: of its first row.
        columns: the columns that its path holds.
    """

    path: Path
    name: str
    packed: bool
    place: int
    columns: Mapping[str, str | None]

    @property
    def text(self) -> TextFile:
        """The file as text."""
        return TextFile(self.path, self.name, self.packed)


class Request(NamedTuple):
    """What a loader reads.

    Attributes:
        source: the source, as the user named it, for errors.
        table: name of the new table.
        files: of one format.
        dialect: how they are written, if they are delimited.
        paths: the values, as the user wrote their paths.
    """

    source: str
    table: str
    files: list[File]
    dialect: Dialect
    paths: tuple[str, ...]


class Loaded(NamedTuple):
    """The table that a loader made.

    Attributes:
        paths: by their texts.
        columns: names in the table by name in the files.
    """

    paths: dict[str, ValuePath]
    columns: dict[str, str]


class Database:
    """Runs SQL on a connection; the parts of a statement are names, literals and numbers, never values of a file."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def run(self, sql: str, **parts: object) -> list[tuple[Any, ...]]:
        """Run a statement, a `string.Template`, and return its rows."""
        return self._connection.execute(statement(sql, **parts)).fetchall()

    def arrow(self, sql: str) -> pa.Table:
        """Run a query and return its rows as an Arrow table."""
        return self._connection.sql(sql).to_arrow_table()


def statement(sql: str, **parts: object) -> str:
    """Return a statement of a template and its parts."""
    return Template(sql).substitute(parts)


def numbered(paths: Mapping[str, ValuePath]) -> dict[str, str]:
    """Return a name in the table for each column of a file that paths need."""
    columns = dict.fromkeys(column for path in paths.values() for column in path.columns)
    return {column: f"c{number}" for number, column in enumerate(columns)}


def literal(text: str | Path | None) -> str:
    """Return a text as a literal of SQL."""
    return "NULL" if text is None else "'" + str(text).replace("'", "''") + "'"


def identifier(column: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + column.replace('"', '""') + '"'


def reason(error: duckdb.Error) -> str:
    """Return the line of DuckDB's message that describes the error, without its advice."""
    return str(error).partition("\n")[0].rpartition("Error: ")[2][:200]

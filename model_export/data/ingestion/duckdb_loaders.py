"""Load event files of each format into DuckDB, as a table of text and times.

A new format is a loader in `LOADERS`.
"""

from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import duckdb

from model_export.data.ingestion.csv_checks import check_records, survey
from model_export.data.ingestion.faults import input_error, require_columns, shown
from model_export.data.ingestion.formats import Format


class File(NamedTuple):
    """A file to read.

    Attributes:
        path: of a name without patterns.
        name: as the user named it, for errors.
        place: of its first row.
    """

    path: Path
    name: str
    place: int


class Database:
    """Runs SQL on a connection; the parts of a statement are names, literals and numbers, never values of a file."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def run(self, sql: str, **parts: object) -> list[tuple[Any, ...]]:
        """Run a statement, a `string.Template`, and return its rows."""
        return self._connection.execute(Template(sql).substitute(parts)).fetchall()


def load_csv(database: Database, table: str, files: list[File], columns: dict[str, str]) -> None:
    """Load columns as text, an empty field as NULL, and `place`.

    Args:
        database: where to.
        table: name of the new table.
        files: of one header.
        columns: name in the file by name in the table.

    Raises:
        InputError: naming file and row of the first fault.
    """
    database.run(
        "CREATE TEMP TABLE $table ($types, place BIGINT)",
        table=table,
        types=", ".join(f"{name} VARCHAR" for name in columns),
    )
    first: tuple[str, ...] = ()
    for file in files:
        facts = survey(file.path, file.name)
        header = facts.header
        first = first or header
        require_columns(file.name, header, tuple(columns.values()))
        if header != first:
            raise input_error(file.name, f"has other columns than {files[0].name}")
        try:
            [(rows,)] = database.run(
                "INSERT INTO $table SELECT $columns, $base + row_number() OVER () "
                "FROM read_csv($file, columns = {$types}, auto_detect = false, header = true, "
                "delim = ',', quote = '\"', escape = '\"', nullstr = '', compression = $compression, "
                "null_padding = false, strict_mode = true)",
                table=table,
                columns=", ".join(f"c{header.index(column)}" for column in columns.values()),
                base=file.place - 1,
                file=_quoted(str(file.path)),
                # DuckDB gets the columns by number, so that it cannot guess anything about them.
                types=", ".join(f"c{position}: 'VARCHAR'" for position in range(len(header))),
                compression=_quoted("gzip" if file.path.suffix == ".gz" else "none"),
            )
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            check_records(file.path, file.name, header)
            raise input_error(file.name, f"cannot be read as CSV: {reason(error)}") from None
        # Without quotes, the number of commas gives the number of fields, so a dropped row is noticed.
        if facts.has_quotes or facts.commas != (rows + 1) * (len(header) - 1):
            expected = check_records(file.path, file.name, header)
            if expected != rows:
                raise input_error(file.name, f"cannot be read as CSV: of {expected} rows only {rows} are well-formed")


def load_parquet(database: Database, table: str, files: list[File], columns: dict[str, str]) -> None:
    """Load columns as the files hold them, and `place`; see `load_csv`."""
    for file in files:
        try:
            described = database.run("DESCRIBE SELECT * FROM read_parquet($file)", file=_quoted(str(file.path)))
        except duckdb.Error:
            raise input_error(file.name, "is not a valid Parquet file (empty, corrupt or cut off)") from None
        require_columns(file.name, [name for name, *_ in described], tuple(columns.values()))
    chosen = ", ".join(f"{_named(column)} AS {name}" for name, column in columns.items())
    database.run(
        "CREATE TEMP TABLE $table AS SELECT $columns, CAST(0 AS BIGINT) AS place "
        "FROM read_parquet([$files], binary_as_string = true, union_by_name = true) LIMIT 0",
        table=table,
        columns=chosen,
        files=", ".join(_quoted(str(file.path)) for file in files),
    )
    for file in files:
        try:
            database.run(
                "INSERT INTO $table SELECT $columns, $place + file_row_number "
                "FROM read_parquet($file, binary_as_string = true, file_row_number = true)",
                table=table,
                columns=chosen,
                place=file.place,
                file=_quoted(str(file.path)),
            )
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            _check_encoding(database, file, columns)
            raise input_error(file.name, f"is not a valid Parquet file: {reason(error)}") from None


LOADERS: dict[Format, Callable[[Database, str, list[File], dict[str, str]], None]] = {
    Format.CSV: load_csv,
    Format.CSV_GZ: load_csv,
    Format.PARQUET: load_parquet,
}


def _check_encoding(database: Database, file: File, columns: dict[str, str]) -> None:
    """Find text that is not UTF-8: DuckDB decodes it in blocks, and tells column and value, but not the row."""
    for column in columns.values():
        sql = "SELECT max($column) FROM read_parquet($file, binary_as_string = true)"
        try:
            database.run(sql, column=_named(column), file=_quoted(str(file.path)))
        except duckdb.Error as error:
            _, marker, value = str(error).partition(': value "')
            if marker:
                text, *_ = value.partition('" is not')
                raise input_error(file.name, f"{shown(text)} is not UTF-8", column=column) from None


def reason(error: duckdb.Error) -> str:
    """Return the line of DuckDB's message that describes the error, without its advice."""
    return str(error).partition("\n")[0].rpartition("Error: ")[2][:200]


def _quoted(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def _named(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'

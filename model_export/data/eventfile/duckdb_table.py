"""Event files as one DuckDB table `events(row, owner, item, time)`.

Values of CSV come as text, nothing is guessed. Knows nothing of which values are right.
"""

from pathlib import Path

import duckdb

from model_export.data.columns import Columns
from model_export.data.eventfile.csv_checks import Survey, check_records, survey
from model_export.data.eventfile.database import Database, named, quoted, reason
from model_export.data.eventfile.faults import fault, listed, shown
from model_export.data.eventfile.formats import Format

SIGNED_TYPES = frozenset(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"))
INTEGER_TYPES = SIGNED_TYPES | {f"U{name}" for name in SIGNED_TYPES}

ID_TYPES = INTEGER_TYPES | {"VARCHAR", "UUID"}
"""Parquet types whose values have one obvious text; an ENUM is text too."""


def load(database: Database, path: Path, columns: Columns) -> str:
    """Create the table `events` from a file.

    Args:
        database: where to.
        path: the event file.
        columns: which columns to read.

    Returns:
        DuckDB type of the column `time`; `owner` and `item` are VARCHAR.

    Raises:
        InputError: when the file is missing, damaged or empty, or has not these columns.
    """
    try:
        path.stat()
    except FileNotFoundError:
        raise fault(path, "no such file") from None
    except OSError as error:
        raise fault(path, f"cannot be read: {error.strerror}") from None
    if not path.is_file():
        raise fault(path, "is not a file")
    kind = Format.of(path)
    # Under a name of our own no character of the path is a pattern or a scheme to DuckDB.
    link = database.folder / f"events{kind.value}"
    link.symlink_to(path.resolve())
    if kind is Format.PARQUET:
        time_type = _load_parquet(database, link, path, columns)
    else:
        _load_csv(database, link, path, columns)
        time_type = "VARCHAR"
    if _count(database) == 0:
        raise fault(path, "has no events")
    return time_type


def _load_csv(database: Database, link: Path, path: Path, columns: Columns) -> None:
    found = survey(path)
    wanted = (columns.owner, columns.item, columns.time)
    owner, item, time = (f"c{_position(path, found.header, name)}" for name in wanted)
    try:
        database.run(
            "CREATE TABLE events AS SELECT row_number() OVER () AS row, "
            "$owner AS owner, $item AS item, $time AS time "
            "FROM read_csv($file, columns = {$types}, auto_detect = false, header = true, "
            "delim = ',', quote = '\"', escape = '\"', nullstr = '', compression = $compression, "
            "null_padding = false, strict_mode = true)",
            owner=owner,
            item=item,
            time=time,
            file=quoted(str(link)),
            # The header is ours to read: DuckDB gets the columns by number and cannot guess about them.
            types=", ".join(f"c{position}: 'VARCHAR'" for position in range(len(found.header))),
            compression=quoted("gzip" if Format.of(path) is Format.CSV_GZ else "none"),
        )
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        check_records(path, found.header)
        raise fault(path, f"cannot be read as CSV: {reason(error)}") from None
    _check_count(path, found, _count(database))


def _check_count(path: Path, found: Survey, rows: int) -> None:
    """Hold what DuckDB read against what the bytes say: nothing may go missing unnoticed."""
    if not found.has_quotes and found.commas == (rows + 1) * (len(found.header) - 1):
        return
    expected = check_records(path, found.header)
    if expected != rows:
        raise fault(path, f"cannot be read as CSV: of {expected} rows only {rows} are well-formed")


def _load_parquet(database: Database, link: Path, path: Path, columns: Columns) -> str:
    source = f"read_parquet({quoted(str(link))}, binary_as_string = true)"
    try:
        described = database.run("DESCRIBE SELECT * FROM $source", source=source)
    except duckdb.Error:
        raise fault(path, "is not a valid Parquet file (empty, corrupt or cut off)") from None
    types: dict[str, str] = {name: kind for name, kind, *_ in described}
    for name in (columns.owner, columns.item, columns.time):
        _position(path, tuple(types), name)
    for name in (columns.owner, columns.item):
        if types[name] not in ID_TYPES and not types[name].startswith("ENUM"):
            raise fault(path, f"is of type {types[name]}, but ids must be text or integers", column=name)
    try:
        database.run(
            "CREATE TABLE events AS SELECT row_number() OVER () AS row, "
            "CAST($owner AS VARCHAR) AS owner, CAST($item AS VARCHAR) AS item, $time AS time FROM $source",
            owner=named(columns.owner),
            item=named(columns.item),
            time=named(columns.time),
            source=source,
        )
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        for name in (columns.owner, columns.item, columns.time):
            _check_encoding(database, source, path, name)
        raise fault(path, f"is not a valid Parquet file: {reason(error)}") from None
    return types[columns.time]


def _check_encoding(database: Database, source: str, path: Path, column: str) -> None:
    """DuckDB decodes Parquet text in blocks and cannot tell the row; column and value it can."""
    try:
        database.run("SELECT max($column) FROM $source", column=named(column), source=source)
    except duckdb.Error as error:
        _, found, value = str(error).partition(': value "')
        if found:
            text, *_ = value.partition('" is not')
            raise fault(path, f"{shown(text)} is not UTF-8", column=column) from None


def _position(path: Path, names: tuple[str, ...], wanted: str) -> int:
    """Where a column stands.

    Raises:
        InputError: when it is missing, or there twice.
    """
    if wanted not in names:
        raise fault(path, f"has no column {shown(wanted)}; its columns are {listed(names)}")
    if names.count(wanted) > 1:
        raise fault(path, f"has {names.count(wanted)} columns with the name {shown(wanted)}")
    return names.index(wanted)


def _count(database: Database) -> int:
    [(count,)] = database.run("SELECT count(*) FROM events")
    return int(count)

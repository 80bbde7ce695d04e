"""Read a file of items into DuckDB: one table ``items`` with the raw columns and each row's place."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from model_export.data.atomic_file import temporary_folder
from model_export.data.ingestion.csv_checks import Dialect, survey_csv
from model_export.data.ingestion.duckdb_csv import load_csv
from model_export.data.ingestion.duckdb_sql import Database, File, Request, identifier, literal, reason
from model_export.data.ingestion.faults import input_error, require_columns
from model_export.data.ingestion.formats import Format, is_packed
from model_export.data.ingestion.json_checks import MAX_LINE_BYTES, check_lines, survey_lines
from model_export.data.ingestion.places import place_of
from model_export.data.ingestion.text_files import TextFile, in_utf_8, opened
from nextitem.catalogue.columns import Kind

ITEM_ID = "item_id"
ATTRIBUTE = "an attribute is a text, a list of texts, a number, true or false, or a time"
SHOWN_NAMES = 20
"""Columns that an error lists."""
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT",
            "FLOAT", "DOUBLE")  # fmt: skip
_JSON_NUMBERS = {"BIGINT", "UBIGINT", "HUGEINT", "DOUBLE"}


@dataclass(frozen=True)
class RawColumn:
    """A column as its file has it.

    Attributes:
        text: SQL of its values as text, NULL where an item has none.
        native: the kind that the file itself gives it; None for text, whose kind is found from the values.
        values: SQL of its values in that kind.
        wrong: SQL of the rows whose values are not of that kind all the same; empty for none.
    """

    text: str
    native: Kind | None = None
    values: str = ""
    wrong: str = ""


@dataclass(frozen=True)
class RawItems:
    """The rows of a file, as the table ``items`` with a column ``place``: 1 for the first row.

    Attributes:
        database: the database of the table.
        name: the file, for errors.
        columns: by name, in the order of the file; the item id's is among them.
        separates: whether texts may be lists: only those of CSV and TSV.
        place_of: gives the place of a row in the file, for errors.
        guesses: whether the kinds of texts are found from their values. The texts of Parquet are texts.
    """

    database: Database
    name: str
    columns: Mapping[str, RawColumn]
    place_of: Callable[[int], str]
    separates: bool = False
    guesses: bool = True


def load_items(connection: duckdb.DuckDBPyConnection, path: Path, dialect: Dialect | None = None) -> RawItems:
    """Read a file of items.

    Args:
        connection: an empty database.
        path: the file: .csv, .tsv, .jsonl (each also with .gz) or .parquet.
        dialect: how a CSV is written; by default with a comma, or a tab in a .tsv.

    Raises:
        InputError: the file cannot be read, has no column `item_id`, or a row is not well-formed.
    """
    kind = Format.of(path)
    database = Database(connection)
    dialect = dialect or Dialect(delimiter="\t" if kind is Format.TSV else ",")

    def place(row: int) -> str:
        with _in_utf_8(path) as text:
            return place_of(text, kind, dialect, row)

    if kind is Format.PARQUET:
        with opened(TextFile(path, str(path), packed=False)):
            return _load_parquet(database, path, place)
    with _in_utf_8(path) as text:
        if kind is Format.JSON_LINES:
            return _load_json(database, text, place)
        return _load_csv(database, text, place, dialect)


@contextmanager
def _in_utf_8(path: Path) -> Iterator[TextFile]:
    with temporary_folder() as folder:
        yield in_utf_8(TextFile(path, str(path), is_packed(path.name)), folder / "items", keep_mark=True)


def _load_csv(database: Database, text: TextFile, place: Callable[[int], str], dialect: Dialect) -> RawItems:
    columns = survey_csv(text, dialect).columns
    if "" in columns:  # as pandas writes its index
        number = columns.index("") + 1
        raise input_error(text.name, f"has no name for column {number}, in its first row. Name it, or remove it.")
    require_columns(text.name, columns, columns)  # each once
    _require_id(text.name, columns)
    # A name in quotes is a column, never a path into one.
    quoted = tuple('"' + name.replace('"', '""') + '"' for name in columns)
    file = File(text.path, text.name, text.packed, 1, {})
    loaded = load_csv(database, Request(text.name, "items", [file], dialect, quoted))
    raw = {name: RawColumn(f"trim({loaded.columns[name]})") for name in columns}
    return RawItems(database, text.name, raw, place, separates=True)


def _load_json(database: Database, text: TextFile, place: Callable[[int], str]) -> RawItems:
    survey_lines(text)
    check_lines(text, {})
    try:
        database.run(
            "CREATE TABLE items AS SELECT json, row_number() OVER () AS place FROM read_json($file, "
            "columns = {json: 'JSON'}, records = 'false', format = 'newline_delimited', compression = $compression, "
            "maximum_object_size = $size)",
            file=literal(text.path),
            compression=literal("gzip" if text.packed else "uncompressed"),
            size=MAX_LINE_BYTES,
        )
    except duckdb.Error as error:
        raise input_error(text.name, f"cannot be read as JSON Lines: {reason(error)}") from None
    found = database.run(
        "SELECT key, list(DISTINCT type) FROM (SELECT unnest(json_keys(json)) AS key, "
        "unnest(range(len(json_keys(json)))) AS number, json, place FROM items) keys, "
        "LATERAL (SELECT json_type(json, '/' || replace(replace(key, '~', '~0'), '/', '~1')) AS type) types "
        "GROUP BY key ORDER BY min((place, number))"
    )
    _require_id(text.name, [key for key, _ in found])
    columns = {key: _json_column(text, key, set(types)) for key, types in found}
    return RawItems(database, text.name, columns, place)


def _json_column(text: TextFile, key: str, types: set[str]) -> RawColumn:
    pointer = literal("/" + key.replace("~", "~0").replace("/", "~1"))
    value = f"json_extract(json, {pointer})"
    scalar = f"json_extract_string(json, {pointer})"
    types -= {"NULL"}
    if "OBJECT" in types:
        raise input_error(text.name, f"is an object; {ATTRIBUTE}", column=key)
    if "ARRAY" in types:
        elements = f"json_extract({value}, '$[*]')"
        several = f"json_extract_string({value}, '$[*]')"
        return RawColumn(
            scalar,
            "strings",
            f"CASE json_type({value}) WHEN 'ARRAY' THEN {several} ELSE [{scalar}] END",
            f"len(list_filter({elements}, lambda x: json_type(x) IN ('ARRAY', 'OBJECT'))) > 0",
        )
    if types and types <= _JSON_NUMBERS:
        return RawColumn(scalar, "number", f"CAST({value} AS DOUBLE)")
    if types == {"BOOLEAN"}:
        return RawColumn(scalar, "boolean", f"CAST({value} AS BOOLEAN)")
    return RawColumn(scalar)


def _load_parquet(database: Database, path: Path, place: Callable[[int], str]) -> RawItems:
    rows = f"read_parquet({literal(path)}, binary_as_string = true, hive_partitioning = false, file_row_number = true)"
    try:
        *described, _ = database.run("DESCRIBE SELECT * FROM $rows", rows=rows)  # the last is the row's number
        _require_id(str(path), [name for name, *_ in described])
        database.run(
            "CREATE TABLE items AS SELECT $columns file_row_number + 1 AS place FROM $rows",
            columns="".join(f"{identifier(name)} AS c{number}, " for number, (name, *_) in enumerate(described)),
            rows=rows,
        )
    except duckdb.Error as error:
        raise input_error(path, f"is not a valid Parquet file: {reason(error)}") from None
    columns = {
        name: _parquet_column(str(path), name, f"c{number}", kind) for number, (name, kind, *_) in enumerate(described)
    }
    return RawItems(database, str(path), columns, place, guesses=False)


def _parquet_column(file: str, name: str, column: str, kind: str) -> RawColumn:
    text = f"CAST({column} AS VARCHAR)"
    if kind in _NUMBERS or kind.startswith("DECIMAL"):
        whole = (
            f"CASE WHEN {column} = floor({column}) THEN CAST(TRY_CAST({column} AS HUGEINT) AS VARCHAR) ELSE {text} END"
        )
        number = f"CAST({column} AS DOUBLE)"
        is_float = kind in {"FLOAT", "DOUBLE"} or kind.startswith("DECIMAL")
        return RawColumn(
            whole if is_float else text, "number", f"CASE WHEN isnan({number}) THEN NULL ELSE {number} END"
        )
    if kind == "BOOLEAN":
        return RawColumn(text, "boolean", column)
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        time = f"CAST({column} AS TIMESTAMP)" if kind == "DATE" else column
        return RawColumn(text, "time", f"epoch_ms({time})")
    if kind.endswith("[]") and not kind.endswith("[][]") and not kind.startswith("STRUCT"):
        return RawColumn(text, "strings", f"CAST({column} AS VARCHAR[])")
    if kind in {"VARCHAR", "UUID"} or kind.startswith("ENUM"):
        return RawColumn(text)
    raise input_error(file, f"is of type {kind}; {ATTRIBUTE}", column=name)


def _require_id(file: str, columns: list[str] | tuple[str, ...]) -> None:
    if ITEM_ID not in columns:
        names = ", ".join(map(repr, columns[:SHOWN_NAMES])) + (", ..." if len(columns) > SHOWN_NAMES else "")
        raise input_error(file, f"has no column {ITEM_ID!r}; its columns are {names}. Rename the column of the ids.")

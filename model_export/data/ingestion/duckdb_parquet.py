"""Load Parquet files into DuckDB, with the types of the files."""

from collections.abc import Sequence

import duckdb

from model_export.data.ingestion.duckdb_sql import (
    Database,
    File,
    Loaded,
    Request,
    identifier,
    literal,
    numbered,
    reason,
    statement,
)
from model_export.data.ingestion.faults import input_error, other_columns, shown
from model_export.data.ingestion.paths import Path, resolve


def load_parquet(database: Database, request: Request) -> Loaded:
    """Load columns as the files hold them; see `load_csv`."""
    first, *others = request.files
    paths = _resolved(database, request, first)
    loaded = Loaded(paths, numbered(paths))
    for file in others:
        if _resolved(database, request, file) != paths:
            raise input_error(file.name, other_columns(first.name))
    selections = [_selection(database, file, loaded) for file in request.files]
    # A column gets the one type that holds the values of all files.
    database.run(
        "CREATE TEMP TABLE $table AS SELECT * FROM ($rows) LIMIT 0",
        table=request.table,
        rows=" UNION ALL ".join(selections),
    )
    for file, selection in zip(request.files, selections, strict=True):
        try:
            database.run("INSERT INTO $table $rows", table=request.table, rows=selection)
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            _check_encoding(database, file, loaded)
            _check_types(database, request.files, loaded)
            raise input_error(file.name, f"is not a valid Parquet file: {reason(error)}") from None
    return loaded


def _resolved(database: Database, request: Request, file: File) -> dict[str, Path]:
    return resolve(file.name, request.paths, [name for name, _ in _columns(database, file)], file.columns)


def _selection(database: Database, file: File, loaded: Loaded) -> str:
    there = dict(_columns(database, file))
    columns = {
        name: there[column] if column in there else f"CAST({literal(file.columns[column])} AS VARCHAR)"
        for column, name in loaded.columns.items()
    }
    return statement(
        "SELECT $columns CAST($place + file_row_number AS BIGINT) AS place FROM $rows",
        columns="".join(f"{chosen} AS {name}, " for name, chosen in columns.items()),
        place=file.place,
        rows=_read(file),
    )


def _read(file: File) -> str:
    return (
        f"read_parquet({literal(file.path)}, binary_as_string = true, hive_partitioning = false, "
        "file_row_number = true)"
    )


def _columns(database: Database, file: File) -> list[tuple[str, str]]:
    """Return the name of each column with the identifier that DuckDB gives it: names may differ only in their case."""
    try:
        described = database.run("DESCRIBE SELECT * FROM $rows", rows=_read(file))
        schema = database.run("SELECT name, num_children FROM parquet_schema($file)", file=literal(file.path))
    except duckdb.Error:
        raise input_error(file.name, "is not a valid Parquet file (empty, corrupt or cut off)") from None
    names, skip = [], 0
    for name, children in schema[1:]:
        if skip:
            skip -= 1
        else:
            names.append(name)
        skip += children or 0
    return [(name, identifier(alias)) for name, (alias, *_) in zip(names, described, strict=False)]


def _check_encoding(database: Database, file: File, loaded: Loaded) -> None:
    """Find text that is not UTF-8: DuckDB decodes it in blocks, and tells column and value, but not the row."""
    there = dict(_columns(database, file))
    for column in loaded.columns:
        if column not in there:
            continue
        try:
            database.run("SELECT max($column) FROM $rows", column=there[column], rows=_read(file))
        except duckdb.Error as error:
            _, marker, value = str(error).partition(': value "')
            if marker:
                text, *_ = value.partition('" is not')
                raise input_error(file.name, f"{shown(text)} is not UTF-8", column=column) from None


def _check_types(database: Database, files: Sequence[File], loaded: Loaded) -> None:
    """Find a column whose types in two files do not go together."""
    for column in loaded.columns:
        kinds: dict[str, File] = {}
        for file in files:
            if (name := dict(_columns(database, file)).get(column)) is not None:
                [(_, kind, *_)] = database.run("DESCRIBE SELECT $column FROM $rows", column=name, rows=_read(file))
                kinds.setdefault(kind, file)
        if len(kinds) > 1:
            (first, there), (other, here), *_ = kinds.items()
            what = f"is of type {other}, but of type {first} in {there.name}: convert one of them"
            raise input_error(here.name, what, column=column)

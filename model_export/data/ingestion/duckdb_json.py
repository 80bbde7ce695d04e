"""Load files of JSON Lines into DuckDB: texts, inside the lists and objects that the paths name."""

import duckdb
import ibis.expr.datatypes as dt
from ibis.backends.sql.datatypes import DuckDBType

from model_export.data.ingestion.duckdb_sql import Database, File, Loaded, Request, literal, numbered, reason
from model_export.data.ingestion.faults import input_error
from model_export.data.ingestion.json_checks import MAX_LINE_BYTES, check_lines, require_keys, survey_lines
from model_export.data.ingestion.paths import parse_path, types_of


def load_json(database: Database, request: Request) -> Loaded:
    """Load columns as texts, lists and objects of texts; a missing value is NULL. See `load_csv`."""
    paths = {text: parse_path(text) for text in request.paths}
    types = types_of(paths.values())
    loaded = Loaded(paths, numbered(paths))
    kinds = {column: DuckDBType.to_string(kind) for column, kind in types.items()}
    database.run(
        "CREATE TEMP TABLE $table ($types place BIGINT)",
        table=request.table,
        types="".join(f"{name} {kinds[column]}, " for column, name in loaded.columns.items()),
    )
    for file in request.files:
        lines = survey_lines(file.text)
        try:
            [(rows,)] = database.run(
                "INSERT INTO $table SELECT $columns $base + row_number() OVER () "
                "FROM read_json($file, columns = {$types}, format = 'newline_delimited', auto_detect = false, "
                "compression = $compression, maximum_object_size = $size)",
                table=request.table,
                columns="".join(f"{_or_of_the_path(file, column, types[column])}, " for column in loaded.columns),
                base=file.place - 1,
                file=literal(file.path),
                types=", ".join(f"{literal(column)}: {literal(kind)}" for column, kind in kinds.items())
                # DuckDB wants at least one column.
                or "'': 'VARCHAR'",
                compression=literal("gzip" if file.packed else "uncompressed"),
                size=MAX_LINE_BYTES,
            )
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            check_lines(file.text, types)
            raise input_error(file.name, f"cannot be read as JSON Lines: {reason(error)}") from None
        if rows != lines:
            expected = check_lines(file.text, types)
            if expected != rows:
                raise input_error(file.name, f"cannot be read as JSON Lines: of {expected} rows only {rows} were read")
    counts = database.run(
        "SELECT $counts count(*) FROM $table",
        counts="".join(f"count({name}), " for name in loaded.columns.values()),
        table=request.table,
    )
    *values, rows = counts[0]
    absent = [column for column, count in zip(loaded.columns, values, strict=True) if rows and not count]
    require_keys(request.files[0].text, request.source, absent)
    return loaded


def _or_of_the_path(file: File, column: str, kind: dt.DataType) -> str:
    """The row's own value comes before that of the file's path."""
    name = '"' + column.replace('"', '""') + '"'
    if column not in file.columns or not kind.is_string():
        return name
    return f"coalesce({name}, {literal(file.columns[column])})"

"""Load CSV and TSV files into DuckDB, as text."""

import duckdb

from model_export.data.ingestion.csv_checks import MAX_RECORD_BYTES, Facts, check_records, survey_csv
from model_export.data.ingestion.duckdb_sql import Database, File, Loaded, Request, literal, numbered, reason
from model_export.data.ingestion.faults import input_error, other_columns
from model_export.data.ingestion.paths import resolve


def load_csv(database: Database, request: Request) -> Loaded:
    """Load columns as text, an empty field as NULL.

    Raises:
        InputError: naming file and row of the first fault.
    """
    first, *others = request.files
    facts = survey_csv(first.text, request.dialect)
    paths = resolve(first.name, request.paths, facts.columns, first.columns)
    loaded = Loaded(paths, numbered(paths))
    database.run(
        "CREATE TEMP TABLE $table ($types place BIGINT)",
        table=request.table,
        types="".join(f"{name} VARCHAR, " for name in loaded.columns.values()),
    )
    _load(database, request, first, facts, loaded)
    for file in others:
        more = survey_csv(file.text, request.dialect)
        resolve(file.name, request.paths, more.columns, file.columns)
        if more.columns != facts.columns:
            raise input_error(file.name, other_columns(first.name))
        _load(database, request, file, more, loaded)
    return loaded


def _load(database: Database, request: Request, file: File, facts: Facts, loaded: Loaded) -> None:
    rows = _insert(database, request, file, facts, loaded)
    # Without quotes, the number of delimiters gives the number of fields, so a dropped row is noticed.
    records = rows + request.dialect.header
    if facts.has_quotes or facts.delimiters != records * (len(facts.columns) - 1):
        expected = check_records(file.text, request.dialect, facts.columns)
        if expected != rows:
            what = f"cannot be read as {request.dialect.kind}: of {expected} rows only {rows} are well-formed"
            raise input_error(file.name, what)


def _insert(database: Database, request: Request, file: File, facts: Facts, loaded: Loaded) -> int:
    columns = facts.columns
    chosen = [
        f"c{columns.index(column)}" if column in columns else f"CAST({literal(file.columns[column])} AS VARCHAR)"
        for column in loaded.columns
    ]
    quote = literal('"' if request.dialect.quotes else "")
    try:
        [(rows,)] = database.run(
            "INSERT INTO $table SELECT $columns $base + row_number() OVER () "
            "FROM read_csv($file, columns = {$types}, auto_detect = false, header = $header, skip = $blank, "
            "delim = $delimiter, quote = $quote, escape = $quote, nullstr = '', compression = $compression, "
            "null_padding = false, strict_mode = true, max_line_size = $line)",
            table=request.table,
            columns="".join(f"{column}, " for column in chosen),
            base=file.place - 1,
            file=literal(file.path),
            # DuckDB gets the columns by number, so that it cannot guess anything about them.
            types=", ".join(f"c{position}: 'VARCHAR'" for position in range(len(columns))),
            header=str(request.dialect.header).lower(),
            blank=facts.blank_lines,  # DuckDB would skip the first of them as the header
            delimiter=literal(request.dialect.delimiter),
            quote=quote,
            compression=literal("gzip" if file.packed else "none"),
            line=MAX_RECORD_BYTES,
        )
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        check_records(file.text, request.dialect, columns)
        raise input_error(file.name, f"cannot be read as {request.dialect.kind}: {reason(error)}") from None
    return int(rows)

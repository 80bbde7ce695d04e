"""Step 7, write: one file of a table's batches; the same rows are the same bytes, however they came in batches."""

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from model_export.data.ingestion.formats import OutputFormat

GZIP_LEVEL = 6
ROW_GROUP = 1 << 17
"""Rows that are written together."""


def write_table(path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema, kind: OutputFormat) -> None:
    """Write a file.

    Args:
        path: the file; one of that name is overwritten.
        batches: with the columns of `schema`, in any type that can be cast to it without loss.
        schema: the columns.
        kind: the format.

    Raises:
        OSError: it cannot be written.
    """
    groups = _regrouped(batches, schema)
    if kind is OutputFormat.PARQUET:
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for group in groups:
                writer.write_table(group, row_group_size=ROW_GROUP)
        return
    with path.open("wb") as file:
        if kind is OutputFormat.CSV:
            _write_csv(file, groups, schema)
        else:
            # The header has no name and no time, so that the same rows give the same bytes.
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=GZIP_LEVEL, mtime=0) as packed:
                _write_csv(packed, groups, schema)


def _write_csv(file: Any, groups: Iterable[pa.Table], schema: pa.Schema) -> None:
    file.write((",".join(schema.names) + "\n").encode())
    for group in groups:
        columns = [[_field(value) for value in column.to_pylist()] for column in group.columns]
        file.write("".join(",".join(row) + "\n" for row in zip(*columns, strict=True)).encode())


def _field(value: str | float) -> str:
    """Return a CSV field (RFC 4180): text quoted only where it must be, whole numbers without a point."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, str) and (any(char in value for char in ',"\r\n') or value != value.strip()):
        return '"' + value.replace('"', '""') + '"'
    return str(value)


def _regrouped(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield tables of exactly `ROW_GROUP` rows, and the rest."""
    held: list[pa.Table] = []
    rows = 0
    for batch in batches:
        table = pa.Table.from_batches([batch]).select(schema.names).cast(schema)
        while rows + table.num_rows >= ROW_GROUP:
            head = table.slice(0, ROW_GROUP - rows)
            yield pa.concat_tables([*held, head]).combine_chunks()
            table = table.slice(head.num_rows)
            held, rows = [], 0
        if table.num_rows:
            held.append(table)
            rows += table.num_rows
    if rows:
        yield pa.concat_tables(held).combine_chunks()

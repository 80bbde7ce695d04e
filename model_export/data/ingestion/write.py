"""Writes a table's batches to one file: the same rows are the same bytes, however they came in batches.

Knows nothing of sessions and engines.
"""

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from model_export.data.eventfile.writer import GZIP_LEVEL, field
from model_export.data.preparation.config import FormatName

ROW_GROUP = 1 << 17
"""Rows that are written together."""


def write_table(path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema, kind: FormatName) -> None:
    """Write a file.

    Args:
        path: where; it must not exist.
        batches: with the columns of `schema`, in any type that can be cast to it without loss.
        schema: the columns.
        kind: the format.

    Raises:
        OSError: it cannot be written.
    """
    groups = _regrouped(batches, schema)
    if kind == "parquet":
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for group in groups:
                writer.write_table(group, row_group_size=ROW_GROUP)
        return
    with path.open("xb") as file:
        if kind == "csv":
            _write_csv(file, groups, schema)
        else:
            # Neither name nor time: the same rows are the same bytes.
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=GZIP_LEVEL, mtime=0) as packed:
                _write_csv(packed, groups, schema)


def _write_csv(file: Any, groups: Iterable[pa.Table], schema: pa.Schema) -> None:
    file.write((",".join(schema.names) + "\n").encode())
    for group in groups:
        columns = [[_text(value) for value in column.to_pylist()] for column in group.columns]
        file.write("".join(",".join(row) + "\n" for row in zip(*columns, strict=True)).encode())


def _text(value: str | float) -> str:
    """As `eventfile` writes it: whole numbers without a point, ids quoted only where they must be."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return field(value) if isinstance(value, str) else str(value)


def _regrouped(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Tables of exactly `ROW_GROUP` rows, but for the last."""
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

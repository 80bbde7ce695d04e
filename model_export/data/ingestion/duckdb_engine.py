"""Ibis on DuckDB: one machine, all its cores, and its disk where memory does not suffice."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from model_export.data.eventfile.csv_checks import check_records, survey
from model_export.data.eventfile.database import reason
from model_export.data.eventfile.formats import Format
from model_export.data.preparation.sources import Source
from nextitem.errors import InputError

BATCH_EVENTS = 1 << 18


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]  # Ibis ships no types
def epoch_us(time: ibis.dtype("timestamp")) -> int:  # type: ignore[valid-type, empty-body]  # and reads the signature
    """DuckDB's own."""


class DuckDBEngine:
    """An `Engine` on an Ibis backend."""

    reads_remote = False

    def __init__(self, backend: Backend) -> None:
        self._backend, self._kept = backend, 0

    def read(self, source: Source) -> ir.Table:
        """See `Engine`."""
        with _faults(f"{source.name} cannot be read"):
            if source.kind is Format.PARQUET:
                return self._backend.read_parquet(list(source.paths), binary_as_string=True, union_by_name=True)
            tables = [self._csv(Path(path)) for path in source.paths]
            for path, table in zip(source.paths, tables, strict=True):
                if table.columns != tables[0].columns:
                    raise InputError(f"{path} has other columns than {source.paths[0]}")
            return tables[0] if len(tables) == 1 else ibis.union(*tables)

    def _csv(self, path: Path) -> ir.Table:
        found = survey(path)
        if len(set(found.header)) < len(found.header):
            raise InputError(f"{path}, header: two columns have one name")
        table = self._backend.read_csv(
            str(path),
            columns=dict.fromkeys(found.header, "VARCHAR"),
            auto_detect=False,
            header=True,
            delim=",",
            quote='"',
            escape='"',
            nullstr="",
            null_padding=False,
            strict_mode=True,
        )
        try:
            [[rows]] = self._run(table.aggregate(rows=table.count())).fetchall()
        except duckdb.Error:
            check_records(path, found.header)
            raise
        if found.has_quotes or found.commas != (rows + 1) * (len(found.header) - 1):
            check_records(path, found.header)
        return table

    def micros(self, time: ir.Value) -> ir.IntegerValue:
        """See `Engine`."""
        return cast("ir.IntegerValue", epoch_us(time.cast("timestamp")))

    def kept(self, name: str, table: ir.Table) -> ir.Table:
        """See `Engine`."""
        with _faults("the events cannot be prepared"):
            self._kept += 1
            return self._backend.create_table(f"{name}_{self._kept}", table, temp=True)

    def row(self, table: ir.Table) -> dict[str, Any] | None:
        """See `Engine`."""
        with _faults("the events cannot be prepared"):
            rows = self._run(table.limit(1)).fetchall()
        return dict(zip(table.columns, rows[0], strict=True)) if rows else None

    def batches(self, table: ir.Table) -> Iterator[pa.RecordBatch]:
        """See `Engine`."""
        with _faults("the events cannot be prepared"):
            yield from self._run(table).to_arrow_reader(BATCH_EVENTS)

    def _run(self, table: ir.Table) -> duckdb.DuckDBPyRelation:
        """Not by Ibis 12 itself: it asks DuckDB 2 for methods that are gone, and would put pandas in between."""
        return cast("duckdb.DuckDBPyRelation", self._backend.con.sql(self._backend.compile(table)))


@contextmanager
def duckdb_engine() -> Iterator[DuckDBEngine]:
    """An engine with a database of its own, which is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="nextitem-"))
    backend = ibis.duckdb.connect(
        temp_directory=str(folder),
        autoinstall_known_extensions=False,
        TimeZone="UTC",
    )
    try:
        yield DuckDBEngine(backend)
    finally:
        backend.disconnect()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _faults(what: str) -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise InputError(f"{what}: too much for the memory and disk of this machine") from None
    except duckdb.Error as error:
        raise InputError(f"{what}: {reason(error)}") from None

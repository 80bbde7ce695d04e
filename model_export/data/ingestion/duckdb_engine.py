"""The pipeline on DuckDB: all cores of one machine, and its disk where memory does not suffice."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from model_export.data.atomic_file import temporary_folder
from model_export.data.ingestion.duckdb_loaders import LOADERS, Database, File, reason
from model_export.data.ingestion.engine import Location
from model_export.data.ingestion.sources import Source
from nextitem.errors import InputError

BATCH_EVENTS = 1 << 18
ROW_BITS = 40
"""Number of low bits of a place that hold the row; the file's number is above them."""
PREPARING = "the events cannot be prepared"


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]  # Ibis ships no types
def epoch_us(time: ibis.dtype("timestamp")) -> int:  # type: ignore[valid-type, empty-body]  # and reads the signature
    """Name DuckDB's own function."""


class DuckDBEngine:
    """An `Engine` on an Ibis backend.

    Args:
        backend: on a database of its own.
        folder: an empty one, for links to the files that are read.
    """

    reads_remote = False

    def __init__(self, backend: Backend, folder: Path) -> None:
        self._backend, self._folder = backend, folder
        self._tables = 0
        self._files: list[str] = []

    def read(self, source: Source, columns: dict[str, str]) -> ir.Table:
        """See `Engine`."""
        table, files = self._name("source"), []
        for path, name in source.files.items():
            # Under a name of our own, no character of the path is a pattern or a scheme to DuckDB.
            link = self._folder / f"{len(self._files)}{source.kind.value}"
            link.symlink_to(Path(path).resolve())
            files.append(File(link, name, (len(self._files) << ROW_BITS) + 1))
            self._files.append(name)
        with _faults(f"{source.name}: cannot be read"):
            LOADERS[source.kind](Database(self._backend.con), table, files, columns)
        return self._backend.table(table)

    def locate(self, place: int) -> Location:
        """See `Engine`."""
        return Location(self._files[place >> ROW_BITS], place & ((1 << ROW_BITS) - 1))

    def micros(self, time: ir.Value) -> ir.IntegerValue:
        """See `Engine`."""
        return cast("ir.IntegerValue", epoch_us(time.cast("timestamp")))

    def kept(self, name: str, table: ir.Table) -> ir.Table:
        """See `Engine`."""
        with _faults(PREPARING):
            return self._backend.create_table(self._name(name), table, temp=True)

    def rows(self, table: ir.Table) -> list[dict[str, Any]]:
        """See `Engine`."""
        with _faults(PREPARING):
            return [dict(zip(table.columns, row, strict=True)) for row in self._relation(table).fetchall()]

    def batches(self, table: ir.Table) -> Iterator[pa.RecordBatch]:
        """See `Engine`."""
        with _faults(PREPARING):
            yield from self._relation(table).to_arrow_reader(BATCH_EVENTS)

    def _name(self, name: str) -> str:
        self._tables += 1
        return f"{name}_{self._tables}"

    def _relation(self, table: ir.Table) -> duckdb.DuckDBPyRelation:
        """Not by Ibis 12 itself: it asks DuckDB 2 for methods that are gone, and would put pandas in between."""
        return cast("duckdb.DuckDBPyRelation", self._backend.con.sql(self._backend.compile(table)))


@contextmanager
def duckdb_engine() -> Iterator[DuckDBEngine]:
    """Open an engine with a database of its own, which is gone afterwards."""
    with temporary_folder() as folder:
        backend = ibis.duckdb.connect(temp_directory=str(folder), autoinstall_known_extensions=False, TimeZone="UTC")
        try:
            backend.con.execute("SET enable_progress_bar = false")
            yield DuckDBEngine(backend, folder)
        finally:
            backend.disconnect()


@contextmanager
def _faults(what: str) -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise InputError(f"{what}: too much for the memory and disk of this machine") from None
    except duckdb.Error as error:
        raise InputError(f"{what}: {reason(error)}") from None

"""The pipeline on DuckDB: all cores of one machine, and its disk where memory does not suffice."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from model_export.data.atomic_file import temporary_folder
from model_export.data.ingestion.duckdb_csv import load_csv
from model_export.data.ingestion.duckdb_json import load_json
from model_export.data.ingestion.duckdb_parquet import load_parquet
from model_export.data.ingestion.duckdb_sql import Database, File, Loaded, Request, reason
from model_export.data.ingestion.engine import Location
from model_export.data.ingestion.formats import PACKED, Format, is_packed
from model_export.data.ingestion.paths import extracted, row_place
from model_export.data.ingestion.places import place_of
from model_export.data.ingestion.sources import EventFile, Source
from model_export.data.ingestion.text_files import TextFile, in_utf_8, opened
from nextitem.errors import InputError

BATCH_EVENTS = 1 << 18
ROW_BITS = 40
"""Number of low bits of a place that hold the row; the file's number is above them."""
LOADERS: dict[Format, Callable[[Database, Request], Loaded]] = {
    Format.CSV: load_csv,
    Format.TSV: load_csv,
    Format.JSON_LINES: load_json,
    Format.PARQUET: load_parquet,
}
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
        self._files: list[tuple[Source, TextFile]] = []

    def read(self, source: Source, columns: dict[str, str]) -> ir.Table:
        """See `Engine`."""
        database, name = Database(self._backend.con), self._name("source")
        files = [self._opened(source, file) for file in source.files]
        request = Request(source.name, name, files, source.dialect, tuple(dict.fromkeys(columns.values())))
        with _faults(f"{source.name}: cannot be read"):
            loaded = LOADERS[source.kind](database, request)
        paths = {new: loaded.paths[text] for new, text in columns.items()}
        return extracted(source.name, self._backend.table(name), paths, loaded.columns)

    def locate(self, place: Any) -> Location:
        """See `Engine`."""
        source, text, row = self._found(place)
        return Location(text.name, place_of(text, source.kind, source.dialect, row))

    def file_of(self, place: Any) -> str:
        """See `Engine`."""
        _, text, _ = self._found(place)
        return text.name

    def file_key(self, place: ir.Value) -> ir.Value:
        """See `Engine`."""
        return cast("ir.IntegerValue", row_place(place)) >> ROW_BITS

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
            rows = self._relation(table).fetchall()
        # A place with an element is a tuple, so that places can be compared.
        plain = ((tuple(value.values()) if isinstance(value, dict) else value for value in row) for row in rows)
        return [dict(zip(table.columns, row, strict=True)) for row in plain]

    def batches(self, table: ir.Table) -> Iterator[pa.RecordBatch]:
        """See `Engine`."""
        with _faults(PREPARING):
            yield from self._relation(table).to_arrow_reader(BATCH_EVENTS)

    def _found(self, place: Any) -> tuple[Source, TextFile, int]:
        """Return source, file and number of the row of a place."""
        if isinstance(place, tuple):
            place, _ = place
        return *self._files[place >> ROW_BITS], place & ((1 << ROW_BITS) - 1)

    def _opened(self, source: Source, file: EventFile) -> File:
        """Give a file a name of our own, so that no character of the path is a pattern or a scheme to DuckDB."""
        number = len(self._files)
        packed = is_packed(file.path)
        link = self._folder / f"{number}{PACKED if packed else ''}"
        link.symlink_to(Path(file.path).resolve())
        text = TextFile(link, file.name, packed)
        with opened(text):
            pass  # DuckDB takes a Parquet file without permission for a damaged one
        if source.kind is not Format.PARQUET:
            marked = source.kind is not Format.JSON_LINES
            text = in_utf_8(text, self._folder / f"{number}-utf-8", keep_mark=marked)
        self._files.append((source, text))
        return File(text.path, text.name, text.packed, (number << ROW_BITS) + 1, file.columns)

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

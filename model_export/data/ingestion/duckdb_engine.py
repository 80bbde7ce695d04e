"""The pipeline on DuckDB: all cores of one machine, and its disk where memory does not suffice."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any, cast

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from model_export.data.ingestion.csv_checks import check_records, survey
from model_export.data.ingestion.engine import Location
from model_export.data.ingestion.faults import fault, require_columns, shown
from model_export.data.ingestion.formats import Format
from model_export.data.ingestion.sources import Source
from nextitem.errors import InputError

BATCH_EVENTS = 1 << 18
ROW_BITS = 40
"""A place is the number of the file, then so many bits for the row."""
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
        table = self._name("source")
        first = len(self._files)
        self._files += source.files.values()
        links = [self._link(path, number, source.kind) for number, path in enumerate(source.files, first)]
        with _faults(f"{source.name}: cannot be read"):
            load = self._load_parquet if source.kind is Format.PARQUET else self._load_csv
            load(table, dict(zip(links, range(first, len(self._files)), strict=True)), columns)
        return self._backend.table(table)

    def _link(self, path: str, number: int, kind: Format) -> Path:
        """Under a name of our own, no character of the path is a pattern or a scheme to DuckDB."""
        link = self._folder / f"{number}{kind.value}"
        link.symlink_to(Path(path).resolve())
        return link

    def _load_csv(self, table: str, links: dict[Path, int], columns: dict[str, str]) -> None:
        header: tuple[str, ...] = ()
        for link, number in links.items():
            name = self._files[number]
            facts = survey(link, name)
            require_columns(name, facts.header, tuple(columns.values()))
            if header and facts.header != header:
                raise fault(name, f"has other columns than {self._files[next(iter(links.values()))]}")
            if not header:
                self._run("CREATE TEMP TABLE $table ($types, place BIGINT)", table=table, types=_texts(columns))
            header = facts.header
            try:
                [(rows,)] = self._run(
                    "INSERT INTO $table SELECT $columns, $base + row_number() OVER () "
                    "FROM read_csv($file, columns = {$types}, auto_detect = false, header = true, "
                    "delim = ',', quote = '\"', escape = '\"', nullstr = '', compression = $compression, "
                    "null_padding = false, strict_mode = true)",
                    table=table,
                    columns=", ".join(f"c{header.index(column)}" for column in columns.values()),
                    base=number << ROW_BITS,
                    file=_quoted(str(link)),
                    # DuckDB gets the columns by number, so that it cannot guess anything about them.
                    types=", ".join(f"c{position}: 'VARCHAR'" for position in range(len(header))),
                    compression=_quoted("gzip" if link.suffix == ".gz" else "none"),
                )
            except duckdb.OutOfMemoryException:
                raise
            except duckdb.Error as error:
                check_records(link, name, header)
                raise fault(name, f"cannot be read as CSV: {_reason(error)}") from None
            # Commas tell the number of fields where nothing is quoted: no row may go missing unnoticed.
            if facts.has_quotes or facts.commas != (rows + 1) * (len(header) - 1):
                expected = check_records(link, name, header)
                if expected != rows:
                    raise fault(name, f"cannot be read as CSV: of {expected} rows only {rows} are well-formed")

    def _load_parquet(self, table: str, links: dict[Path, int], columns: dict[str, str]) -> None:
        for link, number in links.items():
            try:
                described = self._run("DESCRIBE SELECT * FROM read_parquet($file)", file=_quoted(str(link)))
            except duckdb.Error:
                what = "is not a valid Parquet file (empty, corrupt or cut off)"
                raise fault(self._files[number], what) from None
            require_columns(self._files[number], [name for name, *_ in described], tuple(columns.values()))
        chosen = ", ".join(f"{_named(column)} AS {name}" for name, column in columns.items())
        self._run(
            "CREATE TEMP TABLE $table AS SELECT $columns, CAST(0 AS BIGINT) AS place "
            "FROM read_parquet([$files], binary_as_string = true, union_by_name = true) LIMIT 0",
            table=table,
            columns=chosen,
            files=", ".join(_quoted(str(link)) for link in links),
        )
        for link, number in links.items():
            parts = {"file": _quoted(str(link)), "columns": chosen, "table": table}
            try:
                self._run(
                    "INSERT INTO $table SELECT $columns, $base + file_row_number "
                    "FROM read_parquet($file, binary_as_string = true, file_row_number = true)",
                    base=(number << ROW_BITS) + 1,
                    **parts,
                )
            except duckdb.OutOfMemoryException:
                raise
            except duckdb.Error as error:
                self._check_encoding(link, self._files[number], columns)
                raise fault(self._files[number], f"is not a valid Parquet file: {_reason(error)}") from None

    def _check_encoding(self, link: Path, name: str, columns: dict[str, str]) -> None:
        """Find text that is not UTF-8: DuckDB decodes it in blocks, and tells column and value, but not the row."""
        for column in columns.values():
            sql = "SELECT max($column) FROM read_parquet($file, binary_as_string = true)"
            try:
                self._run(sql, column=_named(column), file=_quoted(str(link)))
            except duckdb.Error as error:
                _, marker, value = str(error).partition(': value "')
                if marker:
                    text, *_ = value.partition('" is not')
                    raise fault(name, f"{shown(text)} is not UTF-8", column=column) from None

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

    def _run(self, sql: str, **parts: object) -> list[tuple[Any, ...]]:
        """Run a statement; the parts are names, literals and numbers of ours, never values of a file."""
        return cast("list[tuple[Any, ...]]", self._backend.con.execute(Template(sql).substitute(parts)).fetchall())


@contextmanager
def duckdb_engine() -> Iterator[DuckDBEngine]:
    """Open an engine with a database of its own, which is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="nextitem-"))
    backend = ibis.duckdb.connect(
        temp_directory=str(folder),
        autoinstall_known_extensions=False,
        TimeZone="UTC",
    )
    backend.con.execute("SET enable_progress_bar = false")
    try:
        yield DuckDBEngine(backend, folder)
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
        raise InputError(f"{what}: {_reason(error)}") from None


def _reason(error: duckdb.Error) -> str:
    """Return the one line that says what happened; DuckDB adds advice."""
    return str(error).partition("\n")[0].rpartition("Error: ")[2][:200]


def _texts(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} VARCHAR" for name in columns)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _named(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'

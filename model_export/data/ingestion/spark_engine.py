"""The pipeline on Spark: on a cluster where `spark-submit` or `spark.master` names one, else all cores of this machine.

The driver gets rows of figures, and a result one part at a time.
"""

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.pyspark import Backend
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row, SparkSession, functions
from pyspark.storagelevel import StorageLevel

from model_export.data.atomic_file import temporary_folder
from model_export.data.ingestion.engine import PLACE, Location
from model_export.data.ingestion.faults import input_error
from model_export.data.ingestion.formats import Format, is_packed
from model_export.data.ingestion.paths import ELEMENT, extracted, row_place
from model_export.data.ingestion.places import place_of
from model_export.data.ingestion.s3 import fetch
from model_export.data.ingestion.sources import Source, is_remote
from model_export.data.ingestion.spark_read import CORRUPT, Read, file_at, first_corrupt, read_source
from model_export.data.ingestion.text_files import TextFile
from nextitem.errors import InputError

LOCAL = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false"}
"""Settings for Spark on this machine alone."""
SUBMITTED = {"PYSPARK_GATEWAY_PORT", "PYSPARK_SUBMIT_ARGS"}
"""Variables that `spark-submit` sets: then it has chosen the cluster."""
ALWAYS = {
    "spark.sql.caseSensitive": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.showConsoleProgress": "false",
}
BATCH_EVENTS = 1 << 18
SHOWN_CHARACTERS = 300
"""Characters of Spark's message that an error shows."""
WRONG_ROW = "it breaks the quoting rules or has another number of fields than the first row, or is no JSON object"
PREPARING = "the events cannot be prepared"
NO_SCRATCH = "on a cluster Spark needs --scratch, a folder or s3:// prefix that all its machines reach"


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]  # Ibis ships no types
def unix_micros(time: ibis.dtype("timestamp('UTC')")) -> int:  # type: ignore[valid-type, empty-body]  # and reads the signature
    """Name Spark's own function."""


class SparkEngine:
    """An `Engine` on an Ibis backend.

    Args:
        backend: on the session.
        session: Spark's.
        scratch: a folder or `s3://` prefix for sorted results, which executors and driver both reach.
    """

    def __init__(self, backend: Backend, session: SparkSession, scratch: str) -> None:
        self._backend, self._session, self._scratch = backend, session, scratch
        self._names = 0
        self._reads: list[Read] = []
        self.reads_remote = not _is_local(session)

    def read(self, source: Source, columns: dict[str, str]) -> ir.Table:
        """See `Engine`."""
        with _faults(f"{source.name}: cannot be read"):
            read = read_source(self._session, source, len(self._reads), tuple(dict.fromkeys(columns.values())))
            self._reads.append(read)
            if (place := first_corrupt(read)) is not None:
                location = self.locate(place)
                raise input_error(
                    location.file, f"cannot be read as {source.kind.value}; {WRONG_ROW}", place=location.place
                )
            paths = {name: read.paths[text] for name, text in columns.items()}
            view = self._view("source", read.events.drop(CORRUPT))
            return extracted(source.name, view, paths, read.columns)

    def locate(self, place: Row) -> Location:
        """See `Engine`."""
        place = _row(place)
        read = self._reads[place.source]
        file = file_at(read.source, place.file)
        before = functions.struct(*(functions.lit(value).alias(name) for name, value in place.asDict().items()))
        same_file = functions.col(f"{PLACE}.file") == place.file
        rows = read.rows.filter(same_file & (functions.col(PLACE) <= before)).count()
        if read.source.kind is not Format.PARQUET and is_remote(file.path):
            return Location(file.name, f"row {rows - read.headers} (header and blank lines are not counted)")
        text = TextFile(Path(file.path), file.name, is_packed(file.path))
        return Location(file.name, place_of(text, read.source.kind, read.source.dialect, rows - read.headers))

    def file_of(self, place: Row) -> str:
        """See `Engine`."""
        place = _row(place)
        return file_at(self._reads[place.source].source, place.file).name

    def file_key(self, place: ir.Value) -> ir.Value:
        """See `Engine`."""
        return cast("ir.StructValue", row_place(place))["file"]

    def micros(self, time: ir.Value) -> ir.IntegerValue:
        """See `Engine`."""
        return cast("ir.IntegerValue", unix_micros(time.cast("timestamp('UTC')")))

    def kept(self, name: str, table: ir.Table) -> ir.Table:
        """See `Engine`."""
        with _faults(PREPARING):
            return self._view(name, self._frame(table).persist(StorageLevel.DISK_ONLY))

    def rows(self, table: ir.Table) -> list[dict[str, Any]]:
        """See `Engine`."""
        with _faults(PREPARING):
            return [row.asDict() for row in self._frame(table).collect()]

    def batches(self, table: ir.Table) -> Iterator[pa.RecordBatch]:
        """See `Engine`. Executors sort the table and write it in parts, which this process reads one by one."""
        self._names += 1
        target = f"{self._scratch.rstrip('/')}/result-{self._names}"
        with _faults(PREPARING):
            self._frame(table).write.parquet(target)
        with temporary_folder() as folder:
            home = fetch(target, folder) if is_remote(target) else Path(target)
            for part in sorted(home.glob("part-*.parquet")):
                yield from pq.ParquetFile(part).iter_batches(BATCH_EVENTS)

    def _frame(self, table: ir.Table) -> DataFrame:
        return self._session.sql(self._backend.compile(table))

    def _view(self, name: str, frame: DataFrame) -> ir.Table:
        self._names += 1
        frame.createOrReplaceTempView(f"{name}_{self._names}")
        return self._backend.table(f"{name}_{self._names}")


@contextmanager
def spark_engine(settings: Mapping[str, str], scratch: str | None) -> Iterator[SparkEngine]:
    """Open an engine on the active Spark session, or on a new one, which ends afterwards.

    Args:
        settings: Spark's, by name.
        scratch: see `SparkEngine`; None for a temporary folder of this machine.

    Raises:
        InputError: Spark does not start, or it is a cluster and there is no scratch.
    """
    running = SparkSession.getActiveSession()
    if running is None and scratch is None and not _is_one(_master(settings) or "local"):
        raise InputError(NO_SCRATCH)  # before a cluster gives executors
    with temporary_folder() as folder:
        session = running or _started({**ALWAYS, **settings})
        try:
            if scratch is None and not _is_local(session):
                raise InputError(NO_SCRATCH)
            yield SparkEngine(ibis.pyspark.connect(session), session, scratch or str(folder))
        finally:
            if running is None:
                session.stop()


def _row(place: Row) -> Row:
    """Return the place of the row, for the place of a row or of an element of its list."""
    return cast("Row", place["row"]) if ELEMENT in place else place


def _started(settings: Mapping[str, str]) -> SparkSession:
    builder = SparkSession.builder.appName("nextitem prepare")
    for name, value in {**(LOCAL if _is_one(_master(settings)) else {}), **settings}.items():
        builder = builder.config(name, value)
    on_ctrl_c = signal.getsignal(signal.SIGINT)
    try:
        session = builder.getOrCreate()
    except PySparkException as error:
        raise InputError(f"Spark does not start; it needs Java 17 on PATH or in JAVA_HOME ({_first(error)})") from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, on_ctrl_c)  # Spark has set its own, which does not say what is left
    session.sparkContext.setLogLevel("ERROR")
    return session


def _master(settings: Mapping[str, str]) -> str:
    """Return where Spark will run; empty where `spark-submit` has chosen."""
    return settings.get("spark.master", "" if SUBMITTED & os.environ.keys() else "local[*]")


def _is_local(session: SparkSession) -> bool:
    return _is_one(str(session.sparkContext.master))


def _is_one(master: str) -> bool:
    return master.startswith("local") and not master.startswith("local-cluster")


@contextmanager
def _faults(what: str) -> Iterator[None]:
    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise InputError(f"{what}: {_first(error)}") from error


def _first(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:SHOWN_CHARACTERS] if lines else type(error).__name__

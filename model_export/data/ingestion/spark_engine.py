"""Ibis on Spark: as many machines as there are; the driver sees a row of figures, or one part of a result.

Which Spark it is says the surroundings: `spark-submit` on a cluster, else all cores of this machine.
"""

import os
import tempfile
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
from pyspark.sql import DataFrame, SparkSession
from pyspark.storagelevel import StorageLevel

from model_export.data.eventfile.formats import Format
from model_export.data.preparation.s3 import fetch, is_remote
from model_export.data.preparation.sources import Source
from nextitem.errors import InputError

LOCAL = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false"}
"""Settings for a Spark of this machine alone."""
SUBMITTED = {"PYSPARK_GATEWAY_PORT", "PYSPARK_SUBMIT_ARGS"}
"""Where one of these variables is set, `spark-submit` has said which Spark it is."""
ALWAYS = {"spark.sql.session.timeZone": "UTC", "spark.ui.showConsoleProgress": "false"}
BATCH_EVENTS = 1 << 18
SHOWN = 300
"""Characters that are shown of Spark's account of a fault."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]  # Ibis ships no types
def unix_micros(time: ibis.dtype("timestamp('UTC')")) -> int:  # type: ignore[valid-type, empty-body]  # and reads the signature
    """Spark's own."""


class SparkEngine:
    """An `Engine` on an Ibis backend.

    Args:
        backend: on the session.
        session: Spark's.
        scratch: a folder, or an `s3://` prefix, that executors and driver both reach, for sorted results.
    """

    def __init__(self, backend: Backend, session: SparkSession, scratch: str) -> None:
        self._backend, self._session, self._scratch = backend, session, scratch
        self._names = 0
        self.reads_remote = not _is_local(session)

    def read(self, source: Source) -> ir.Table:
        """See `Engine`."""
        with _faults(f"{source.name} cannot be read"):
            if source.kind is Format.PARQUET:
                frame = self._session.read.option("mergeSchema", True).parquet(*source.paths)
            else:
                frame = self._session.read.csv(
                    list(source.paths),
                    header=True,
                    inferSchema=False,
                    quote='"',
                    escape='"',
                    mode="FAILFAST",
                    enforceSchema=False,
                )
            return self._view("source", frame)

    def micros(self, time: ir.Value) -> ir.IntegerValue:
        """See `Engine`."""
        return cast("ir.IntegerValue", unix_micros(time.cast("timestamp('UTC')")))

    def kept(self, name: str, table: ir.Table) -> ir.Table:
        """See `Engine`."""
        with _faults("the events cannot be prepared"):
            return self._view(name, self._frame(table).persist(StorageLevel.DISK_ONLY))

    def row(self, table: ir.Table) -> dict[str, Any] | None:
        """See `Engine`."""
        with _faults("the events cannot be prepared"):
            found = self._frame(table.limit(1)).first()
        return None if found is None else found.asDict()

    def batches(self, table: ir.Table) -> Iterator[pa.RecordBatch]:
        """See `Engine`. Executors sort and write parts, which are read here one by one."""
        self._names += 1
        target = f"{self._scratch.rstrip('/')}/result-{self._names}"
        with _faults("the events cannot be prepared"):
            self._frame(table).write.parquet(target)
        with tempfile.TemporaryDirectory(prefix="nextitem-") as folder:
            home = fetch(target, Path(folder)) if is_remote(target) else Path(target)
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
    """An engine on a new Spark session, which ends afterwards; on the running one where there is one.

    Args:
        settings: Spark's, by name.
        scratch: see `SparkEngine`; a folder of this machine where None.

    Raises:
        InputError: Spark does not start.
    """
    running = SparkSession.getActiveSession()
    with tempfile.TemporaryDirectory(prefix="nextitem-") as folder:
        session = running or _started({**ALWAYS, **settings})
        try:
            if scratch is None and not _is_local(session):
                raise InputError(
                    "on a cluster Spark needs --scratch, a folder or s3:// prefix that all its machines reach"
                )
            yield SparkEngine(ibis.pyspark.connect(session), session, scratch or folder)
        finally:
            if running is None:
                session.stop()


def _started(settings: Mapping[str, str]) -> SparkSession:
    builder = SparkSession.builder.appName("nextitem prepare")
    submitted = SUBMITTED & os.environ.keys()
    master = settings.get("spark.master", "" if submitted else "local[*]")
    for name, value in {**(LOCAL if _is_one(master) else {}), **settings}.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except PySparkException as error:
        raise InputError(f"Spark does not start; it needs Java 17 on PATH or in JAVA_HOME ({_first(error)})") from error
    session.sparkContext.setLogLevel("ERROR")
    return session


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
    return lines[0][:SHOWN] if lines else type(error).__name__

"""A Spark on this machine for tests, or the reason why there is none."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from model_export.data.ingestion.spark_engine import SparkEngine, spark_engine

ALL = os.environ.get("SPARK_TESTS") == "all"
"""Whether all tests run on Spark: `make spark` sets it, and then fails without Java."""
NO_JAVA = pytest.mark.skipif(
    shutil.which("java") is None and not ALL, reason="Spark needs Java, and there is no java on PATH"
)
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
QUICK = {
    "spark.driver.extraJavaOptions": JAVA,
    "spark.executor.extraJavaOptions": JAVA,
    "spark.driver.memory": "3g",
    "spark.sql.ui.retainedExecutions": "1",
    "spark.ui.retainedJobs": "1",
    "spark.ui.retainedStages": "1",
    "spark.master": "local[2]",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
"""Many small queries, as tests have, are quickest in few partitions and without compilers, Spark's and
the second of Java. The default heap of 1 GiB
was full after some forty tests in one session."""


@contextmanager
def spark() -> Iterator[SparkEngine]:
    """An engine."""
    with spark_engine(QUICK, None) as opened:
        yield opened

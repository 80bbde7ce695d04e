"""The preparation on Spark in local mode, which must come to what DuckDB comes to."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from model_export.data.ingestion.config import FormatName, PrepareConfig
from model_export.data.ingestion.duckdb_engine import duckdb_engine
from model_export.data.ingestion.engine import Engine
from model_export.data.layout import Layout
from model_export.simulator import Shop
from model_export.simulator.files import write_events
from nextitem.errors import InputError
from tests.model_export.data.ingestion.engine_contract import EngineContract
from tests.model_export.data.ingestion.format_contract import FormatContract
from tests.model_export.data.ingestion.meaning_contract import MeaningContract
from tests.model_export.data.ingestion.preparing import content, run
from tests.model_export.data.ingestion.sparks import NO_JAVA, spark
from tests.model_export.data.ingestion.value_contract import ValueContract

pytestmark = [
    pytest.mark.slow,
    NO_JAVA,
    # py4j leaves its sockets to the garbage collector, within any test that it comes to
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in.*socket:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def running() -> Iterator[Engine]:
    with spark() as opened:
        yield opened


class TestSpark(EngineContract, FormatContract, ValueContract, MeaningContract):
    @pytest.fixture
    def engine(self, running: Engine) -> Iterator[Engine]:
        yield running
        session = SparkSession.getActiveSession()
        assert session is not None
        session.catalog.clearCache()  # one session runs all tests, and would keep the rows and plans of each


@pytest.mark.parametrize("kind", ["parquet", "csv.gz"])
@pytest.mark.parametrize("user", [None, "session_id"])
def test_both_engines_write_the_same_bytes(running: Engine, tmp_path: Path, kind: FormatName, user: str | None) -> None:
    # GIVEN a shop's sessions
    events = tmp_path / "events.csv.gz"
    write_events(events, Shop(seed=7, products=60).sessions(800, seed=3))
    config = PrepareConfig(layout=Layout(user=user), min_support=3, test_days=2, format=kind)
    # WHEN both engines prepare them
    on_spark = run(running, [events], tmp_path / "spark", config)
    with duckdb_engine() as engine:
        on_duckdb = run(engine, [events], tmp_path / "duckdb", config)
    # THEN every file is the same, byte for byte
    assert content(tmp_path / "spark") == content(tmp_path / "duckdb")
    assert on_spark == on_duckdb
    assert on_spark.train.events > 1000


def test_text_that_spark_cannot_read_is_refused_by_name(running: Engine, tmp_path: Path) -> None:
    # GIVEN a file in UTF-16, one with a line end in quotes, and a damaged one
    marked, broken, damaged = tmp_path / "marked.tsv", tmp_path / "broken.csv", tmp_path / "damaged.parquet"
    marked.write_text("session_id\titem_id\ttimestamp\na\tx\t1\n", encoding="utf-16")
    broken.write_text('session_id,note,item_id,timestamp\na,n,x,1\na,"n\nm",x,1\n')
    damaged.write_bytes(b"PAR1")
    for path, what in (
        (marked, ": is not UTF-8: convert it, or read it with --engine duckdb"),
        (broken, ", line 3: cannot be read as csv; it breaks the quoting rules or has another number of fields"),
        (damaged, ": is not a valid Parquet file"),
    ):
        # WHEN Spark reads it
        # THEN the error names the file, and says what to do
        with pytest.raises(InputError) as caught:
            run(running, [path], tmp_path / "out", PrepareConfig())
        assert str(caught.value).startswith(f"{path}{what}")

"""The preparation on DuckDB."""

from collections.abc import Iterator

import pytest

from model_export.data.ingestion.duckdb_engine import duckdb_engine
from model_export.data.ingestion.engine import Engine
from tests.model_export.data.ingestion.engine_contract import EngineContract
from tests.model_export.data.ingestion.format_contract import FormatContract
from tests.model_export.data.ingestion.meaning_contract import MeaningContract
from tests.model_export.data.ingestion.value_contract import ValueContract


class TestDuckDB(EngineContract, FormatContract, ValueContract, MeaningContract):
    @pytest.fixture
    def engine(self) -> Iterator[Engine]:
        with duckdb_engine() as opened:
            yield opened

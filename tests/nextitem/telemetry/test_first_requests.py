"""Several first requests at once: the start of the process is reported by one of them."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from nextitem.telemetry.record import RequestRecord, Telemetry

THREADS = 8
STARTS = 60


class Kept:
    """Keeps the names of each record's metrics."""

    def __init__(self) -> None:
        self.records: list[set[str]] = []

    def prepare(self) -> None:
        """See `MetricsSink`."""

    def write(
        self, dimensions: Mapping[str, str], values: Mapping[str, float], properties: Mapping[str, str | int]
    ) -> None:
        """See `MetricsSink`."""
        self.records.append(set(values))


@pytest.mark.usefixtures("_often_switched")
def test_a_start_is_reported_once() -> None:
    reports = []
    with ThreadPoolExecutor(THREADS) as threads:
        for _ in range(STARTS):
            sink, barrier = Kept(), Barrier(THREADS)
            telemetry = Telemetry({"import": 100.0}, "shop", sink=sink)

            def emit(_thread: int, telemetry: Telemetry = telemetry, barrier: Barrier = barrier) -> None:
                barrier.wait()
                telemetry.emit(RequestRecord(), 200)

            list(threads.map(emit, range(THREADS)))
            assert len(sink.records) == THREADS
            reports.append(sum("cold_import_ms" in names for names in sink.records))
    assert set(reports) == {1}

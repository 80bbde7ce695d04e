"""Records become series of Prometheus; several worker processes count together, through deaths and restarts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from container import metrics_files, prometheus_sink
from container.metrics_files import metrics_directory
from container.prometheus_sink import MAX_VERSIONS, OTHER, PrometheusSink, exposition
from nextitem.telemetry import prometheus
from nextitem.telemetry.metrics import TOTAL
from nextitem.telemetry.sink import MetricsSink
from observability.__main__ import GRAFANA, RULES
from tests.nextitem.telemetry.sink_contract import SinkContract, Total, add_up

ROOT = Path(__file__).parents[2]
REQUEST = {"requests": 1.0}
ANSWER = {"stack": "shop", "model_version": "v1", "variant": "main", "served_by": "session"}
WORKER = """
import sys
from container.prometheus_sink import PrometheusSink
sink = PrometheusSink("shop")
answer = {"stack": "shop", "model_version": "v1", "variant": "main", "served_by": "session"}
for line in sys.stdin:
    for _ in range(int(line)):
        sink.write(answer, {"requests": 1, "total_ms": 3.0}, {})
    sink.set_load(2, 1)
    print("written", flush=True)
"""


class SlowlyCounted(set[tuple[str, str]]):
    """A set that takes a while to say how many it has."""

    def __len__(self) -> int:
        size = super().__len__()
        time.sleep(0.02)
        return size


Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped() -> Series:
    """Return the value of each series: its name and its labels, sorted."""
    body, content_type = exposition()
    assert content_type.startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def total(name: str, **labels: str) -> float:
    """Return the sum of the series of a name that have these labels."""
    return sum(
        value for (each, own), value in scraped().items() if each == name and labels.items() <= dict(own).items()
    )


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory of the metrics of a container."""
    monkeypatch.delenv(metrics_files.VARIABLE, raising=False)
    with metrics_directory() as path:
        yield path


@pytest.fixture
def sink(directory: Path) -> Iterator[PrometheusSink]:
    """The sink of this process."""
    sink = PrometheusSink("shop")
    yield sink
    sink.close()


class Worker:
    """A worker process that counts requests when it is asked to."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "functions")}
        command = [sys.executable, "-c", WORKER]
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def answer(self, requests: int) -> None:
        """Count requests."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{requests}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "written\n"

    def end(self, number: int) -> None:
        """End it by a signal."""
        self.process.send_signal(number)
        self.process.communicate()


class TestPrometheusSink(SinkContract):
    @contextmanager
    def started(self) -> Iterator[MetricsSink]:
        os.environ.pop(metrics_files.VARIABLE, None)
        with metrics_directory():
            sink = PrometheusSink("shop")
            yield sink
            sink.close()

    def totals(self) -> dict[Total, float]:
        found, series = scraped(), Series()
        for metric in prometheus.EXPOSED:
            kind, base = prometheus.kind(metric), prometheus.base_name(metric)
            factor = 1000 if kind == "histogram" else 1
            name = f"{base}_total" if kind == "counter" else f"{base}_sum"
            series |= {(metric.name, own): value * factor for (each, own), value in found.items() if each == name}
        return add_up(series)


def test_a_time_falls_into_the_bucket_of_its_limit(sink: PrometheusSink) -> None:
    for milliseconds in (50.0, 50.1, 150.0, 150.1, 0.0, 60_000.0):
        sink.write(ANSWER, {TOTAL.name: milliseconds}, {})

    assert total("nextitem_total_seconds_bucket", le="0.05") == 2
    assert total("nextitem_total_seconds_bucket", le="0.15") == 4
    assert total("nextitem_total_seconds_bucket", le="+Inf") == total("nextitem_total_seconds_count") == 6
    assert total("nextitem_total_seconds_sum") == pytest.approx(60.4002)


def test_counters_of_events_that_have_not_happened_are_there_with_0(sink: PrometheusSink) -> None:
    # The increase from nothing to 1 is no increase for Prometheus.
    assert scraped()["nextitem_route_faults_total", (("stack", "shop"),)] == 0
    without_model = (("model_version", ""), ("stack", "shop"), ("variant", ""))
    assert scraped()["nextitem_server_errors_total", without_model] == 0

    sink.write(ANSWER, {"requests": 1}, {})

    bought = (("model_version", "v1"), ("placement", ""), ("stack", "shop"), ("variant", "main"))
    assert scraped()["nextitem_purchase_conversions_total", bought] == 0


def test_a_container_without_requests_is_not_silent(sink: PrometheusSink) -> None:
    # The alert and the dashboard's list of stacks look at this series: after a rollout there may be no traffic.
    assert "count by (stack) (nextitem_requests_total)" in RULES.read_text()
    assert "label_values(nextitem_requests_total, stack)" in GRAFANA.read_text()

    assert [dict(labels)["stack"] for name, labels in scraped() if name == "nextitem_requests_total"] == ["shop"]
    assert total("nextitem_requests_total") == 0


def test_the_number_of_series_is_bounded(sink: PrometheusSink, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(MAX_VERSIONS + 30):
        sink.write({**ANSWER, "model_version": f"v{number}"}, {"requests": 1}, {})

    versions = {dict(labels)["model_version"] for name, labels in scraped() if name == "nextitem_requests_total"}
    assert len(versions - {""}) == MAX_VERSIONS + 1
    assert total("nextitem_requests_total", model_version=OTHER, variant=OTHER) == 30
    assert total("nextitem_requests_total") == MAX_VERSIONS + 30
    assert [record.levelname for record in caplog.records] == ["WARNING"], "it is said once"


def test_threads_share_the_bound_of_series(sink: PrometheusSink, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a sink whose look at the number of versions takes so long that other threads look, too
    monkeypatch.setattr(sink, "_versions", SlowlyCounted())
    monkeypatch.setattr(prometheus_sink, "MAX_VERSIONS", 1)
    # WHEN threads write of a version each
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: sink.write({**ANSWER, "model_version": f"v{number}"}, REQUEST, {}), range(4)))
    # THEN one of them has series of its own
    assert total("nextitem_requests_total", model_version=OTHER) == 3


def test_the_names_are_those_that_the_pure_module_describes(sink: PrometheusSink) -> None:
    dimensions = {**ANSWER, "placement": "home"}
    sink.write(dimensions, {metric.name: 1 for metric in prometheus.EXPOSED}, {})

    found: dict[str, set[str]] = {}
    for name, labels in scraped():
        found.setdefault(name, set()).update(label for label, _ in labels)
    wanted = {
        name: {*prometheus.labels(metric), *({"le"} if name.endswith("_bucket") else ())}
        for metric in prometheus.EXPOSED
        for name in prometheus.series_names(metric)
    }
    assert found == wanted | {gauge.name: {"stack"} for gauge in prometheus.GAUGES}


@pytest.mark.slow
def test_no_counter_falls_when_workers_die_and_new_ones_start(directory: Path) -> None:
    # GIVEN two workers that count at the same time
    workers = [Worker(), Worker()]
    for worker in workers:
        worker.answer(100)
    assert total("nextitem_requests_total") == 200
    assert total("nextitem_requests_in_flight") == 4
    files = sorted(directory.glob("*.db"))

    for expected, number in ((200, signal.SIGKILL), (230, signal.SIGTERM), (260, signal.SIGKILL)):
        # WHEN one ends
        workers[0].end(number)

        # THEN its counts stay, and its requests in flight are over
        assert total("nextitem_requests_total") == expected
        assert total("nextitem_total_seconds_count") == expected
        assert (total("nextitem_requests_in_flight"), total("nextitem_requests_waiting")) == (2, 1)

        # AND a new worker goes on where it ended
        workers[0] = Worker()
        workers[0].answer(30)
        assert total("nextitem_requests_total", **ANSWER) == expected + 30

    # AND restarts leave no files behind
    assert sorted(directory.glob("*.db")) == files
    for worker in workers:
        worker.end(signal.SIGTERM)


def test_threads_of_a_worker_lose_no_count(sink: PrometheusSink) -> None:
    def write(number: int) -> None:
        for _ in range(200):
            sink.write({**ANSWER, "model_version": f"v{number % 2}"}, {"requests": 1, "total_ms": 3.0}, {})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(8)))

    assert total("nextitem_requests_total") == total("nextitem_total_seconds_count") == 1600


def test_a_forked_child_counts_in_files_of_its_own(sink: PrometheusSink) -> None:
    sink.write(ANSWER, {"requests": 1}, {})
    if (child := os.fork()) == 0:
        sink.write(ANSWER, {"requests": 10}, {})
        os._exit(0)
    os.waitpid(child, 0)
    sink.write(ANSWER, {"requests": 100}, {})

    assert total("nextitem_requests_total") == 111

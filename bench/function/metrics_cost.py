"""What one metrics record costs: a line for CloudWatch, and counters for Prometheus in files that workers share.

    python -m bench.function.metrics_cost [--rounds 300] [--json PATH]

Writes are timed interleaved, in runs of `WRITES`. Then some processes write the records of some model versions, and
the answer to a scrape is timed.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from prometheus_client import values
from rich.console import Console
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from bench.common.timing import time_interleaved
from container.metrics_files import metrics_directory
from container.prometheus_sink import PrometheusSink, exposition
from nextitem.telemetry.record import RequestRecord
from nextitem.telemetry.sink import EmfSink, MetricsSink

WRITES = 50
US_PER_MS = 1000.0
PROPERTIES: dict[str, str | int] = {"operation": "append_events", "status": 200}
WORKERS, VERSIONS = (1, 4, 16), (1, 5)


@dataclass(frozen=True)
class Scrape:
    """The answer to a scrape."""

    workers: int
    versions: int
    milliseconds: float
    kilobytes: float


def main() -> None:
    """Print two tables."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=300, help="runs of each sink (default: %(default)s)")
    arguments = parser.parse_args()
    microseconds = _time_writes(arguments.rounds)
    scrapes = [_scrape(workers, versions, arguments.rounds) for workers in WORKERS for versions in VERSIONS]
    written = Table("sink", "median us a record", title=f"{len(_record()[1])} metrics of an append")
    for name, median in microseconds.items():
        written.add_row(name, f"{median:.1f}")
    read = Table("workers", "versions", "median ms", "kB", title="answers to a scrape")
    for scrape in scrapes:
        read.add_row(f"{scrape.workers}", f"{scrape.versions}", f"{scrape.milliseconds:.1f}", f"{scrape.kilobytes:.0f}")
    console = Console()
    console.print(written)
    console.print(read)
    write_json({"us_per_record": microseconds, "scrapes": [asdict(each) for each in scrapes]}, arguments.json)


def _time_writes(rounds: int) -> dict[str, float]:
    dimensions, measured = _record()

    def writes(sink: MetricsSink) -> None:
        for _ in range(WRITES):
            sink.write(dimensions, measured, PROPERTIES)

    with metrics_directory(), _stdout_to_nowhere():
        emf, shared = EmfSink(), PrometheusSink("shop")
        emf.prepare()
        writes(shared)  # its series are created with values in files
        alone = PrometheusSink("shop")
        values.ValueClass = values.MutexValue
        writes(alone)
        contenders: dict[str, MetricsSink] = {
            "CloudWatch's line": emf,
            "Prometheus, files": shared,
            "Prometheus, one process": alone,
        }
        timed = time_interleaved({name: partial(writes, sink) for name, sink in contenders.items()}, rounds)
    return {name: times.median * US_PER_MS / WRITES for name, times in timed.items()}


def _scrape(workers: int, versions: int, rounds: int) -> Scrape:
    with metrics_directory():
        _write_in_processes(workers, versions)
        timed = time_interleaved({"scrape": exposition}, max(3, rounds // 10))
        return Scrape(workers, versions, timed["scrape"].median, len(exposition()[0]) / 1000)


def _write_in_processes(workers: int, versions: int) -> None:
    """Write records in some processes that live at the same time: each has a number, and forks the next one."""
    if workers == 0 or (child := os.fork()):
        if workers:
            os.waitpid(child, 0)
        return
    sink = PrometheusSink("shop")
    dimensions, measured = _record()
    for number in range(versions):
        sink.write({**dimensions, "model_version": f"v{number:016}"}, measured, {})
    _write_in_processes(workers - 1, versions)
    os._exit(0)


def _record() -> tuple[dict[str, str], dict[str, float]]:
    """Return the dimensions and the metrics of a request that appends an event and gives feedback."""
    record = RequestRecord()
    record.set_served_by("session", "v0123456789abcdef", "main")
    record.phases = {"store_read": 0.41, "replay": 0.12, "scoring": 0.43, "store_write": 0.05}
    record.set_replayed(1)
    record.set_scores(-2.5, -5.5)
    feedback = {"labels": 1, "hits_20": 1, "reciprocal_rank": 0.25, "clicks": 0}
    return {"stack": "shop", **record.dimensions}, record.values(200, 1.234, 0.0) | feedback


@contextmanager
def _stdout_to_nowhere() -> Iterator[None]:
    real = sys.stdout
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        sys.stdout = nowhere
        try:
            yield
        finally:
            sys.stdout = real


if __name__ == "__main__":
    main()

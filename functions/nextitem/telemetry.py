"""One metrics record (CloudWatch embedded metric format) for each request, and the log.

No id of a session, an event or an item may reach this module: nothing here takes one.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

from nextitem.errors import NextItemError

Phase = Literal["store_read", "inference", "store_write"]
PHASES: tuple[Phase, ...] = ("store_read", "inference", "store_write")
ColdPhase = Literal["process_start", "import", "model_load"]

NAMESPACE = "nextitem"
NOT_SERVED = "none"
"""The value of a dimension in a record of a request that no model answered."""

_TICKS = os.sysconf("SC_CLK_TCK")


class RequestRecord:
    """What is measured of one request. Times are milliseconds."""

    def __init__(self) -> None:
        self.operation = NOT_SERVED
        self.started = time.perf_counter()
        self.phases: dict[Phase, float] = {}
        self.served_by = NOT_SERVED
        self.version = NOT_SERVED
        self.faults: list[NextItemError] = []

    @contextmanager
    def phase(self, name: Phase) -> Iterator[None]:
        """Add the time that a block takes to a phase."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.phases[name] = self.phases.get(name, 0.0) + (time.perf_counter() - begun) * 1000

    def served(self, served_by: str, version: str) -> None:
        """Note what answered the request."""
        self.served_by, self.version = served_by, version

    def fault(self, error: NextItemError) -> None:
        """Note a fault that the answer survived."""
        self.faults.append(error)


class Telemetry:
    """Writes the log and the metrics of one process.

    Args:
        cold: milliseconds of each phase of this process's start, reported with its first request.
    """

    def __init__(self, cold: dict[ColdPhase, float]) -> None:
        self.log = Logger(service="nextitem")
        self._metrics = Metrics(namespace=NAMESPACE, service="nextitem")
        self._cold: dict[ColdPhase, float] | None = cold
        # Provisioned concurrency and SnapStart start before any request: nobody waits for that start.
        self._awaited = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand") == "on-demand"

    def background_fault(self, error: NextItemError) -> None:
        """Log what went wrong outside any request."""
        self.log.warning("route not refreshed", extra={"fault": type(error).__name__, "detail": str(error)})

    def emit(self, record: RequestRecord, status: int) -> None:
        """Write the metrics record of a request, and a log line for each fault that it survived.

        Args:
            record: what was measured.
            status: the HTTP status of the answer.
        """
        total = (time.perf_counter() - record.started) * 1000
        metrics = self._metrics
        metrics.add_dimension("model_version", record.version)
        metrics.add_dimension("served_by", record.served_by)
        metrics.add_metadata("operation", record.operation)
        metrics.add_metadata("status", status)
        self._add("total_ms", total)
        for phase in PHASES:
            self._add(f"{phase}_ms", record.phases.get(phase, 0.0))
        metrics.add_metric("store_faults", MetricUnit.Count, len(record.faults))
        metrics.add_metric("server_errors", MetricUnit.Count, int(status >= 500))  # noqa: PLR2004 - HTTP's 5xx
        cold, self._cold = self._cold, None
        metrics.add_metric("cold_start", MetricUnit.Count, int(cold is not None and self._awaited))
        if cold is not None:
            for name, milliseconds in cold.items():
                self._add(f"cold_{name}_ms", milliseconds)
            self._add("cold_first_request_ms", total)
        metrics.flush_metrics()
        for fault in record.faults:
            self.log.warning("store fault", extra={"fault": type(fault).__name__, "detail": str(fault)})

    def _add(self, name: str, milliseconds: float) -> None:
        self._metrics.add_metric(name, MetricUnit.Milliseconds, round(milliseconds, 3))


def process_age_ms() -> float:
    """Return the milliseconds since this process was spawned (Linux; in steps of 10), 0 where that is not known."""
    try:
        spawned = int(Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()[19]) / _TICKS
        uptime = float(Path("/proc/uptime").read_text("ascii").split()[0])
    except OSError:
        return 0.0
    return max(0.0, (uptime - spawned) * 1000)

"""Write one metrics record for each request, and the log. `telemetry.metrics` describes each metric.

A request writes a second record if another model version gave the answer that gets feedback, or if that answer was for
another placement.

Nothing here takes the id of a session, an event or an item, so that none can reach the log. Nothing here raises: a
fault of the telemetry becomes a line on stderr, see `never_raise`.
"""

import os
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nextitem.errors import NextItemError
from nextitem.sessions.feedback import Feedback
from nextitem.sessions.session import Status
from nextitem.telemetry import metrics
from nextitem.telemetry.last_resort import never_raise
from nextitem.telemetry.sink import EmfSink, MetricsSink

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

Phase = Literal["store_read", "replay", "scoring", "store_write"]
ColdPhase = Literal["process_start", "import", "model_load", "restore"]
_COLD_METRICS: dict[ColdPhase, metrics.Metric] = {
    "process_start": metrics.COLD_PROCESS,
    "import": metrics.COLD_IMPORT,
    "model_load": metrics.COLD_MODEL,
    "restore": metrics.COLD_RESTORE,
}

_TICKS = os.sysconf("SC_CLK_TCK")
_REFUSED, _FAILED = 400, 500


class RequestRecord:
    """The measurements of one request. Times are milliseconds."""

    def __init__(self) -> None:
        self.operation = "none"
        self.started = time.perf_counter()
        self.phases: dict[Phase, float] = {}
        self.dimensions: dict[str, str] = {}
        self.faults: list[tuple[str, str]] = []
        """Type and text of each fault. Not the errors: their tracebacks would keep the request's model in memory."""
        self.feedback: tuple[Feedback, ...] = ()
        self.placement: str | None = None
        """The label that the request gives the place of its items."""
        self.queued = 0.0
        """The time that it waited in this process for its turn."""
        self.is_refused_unread = False
        """Whether there was no room for it: there is nothing to measure then, see `values`."""
        self._measured: dict[str, float] = {}

    @contextmanager
    def phase(self, name: Phase) -> Iterator[None]:
        """Add the time that a block takes to a phase."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.phases[name] = self.phases.get(name, 0.0) + (time.perf_counter() - begun) * 1000

    def measure(self, metric: metrics.Metric, value: float) -> None:
        """Set a metric that not every request has."""
        self._measured[metric.name] = value

    def set_replayed(self, events: int) -> None:
        """Set how many events of the session were replayed, and how long reading and replaying them took."""
        self.measure(metrics.REPLAYED, events)
        self.measure(metrics.RESTORE, self.phases.get("store_read", 0.0) + self.phases.get("replay", 0.0))

    def set_scores(self, first: float, last: float) -> None:
        """Set the scores of the first and the last ranked item."""
        self.measure(metrics.TOP_SCORE, first)
        self.measure(metrics.SCORE_SPREAD, first - last)

    def set_served_by(self, served_by: str, version: str, variant: str) -> None:
        """Set the model version, the variant and `served_by` of the answer."""
        self.dimensions = {"model_version": version, "variant": variant, "served_by": served_by}

    def count_events(self, statuses: Sequence[Status], unknown: int) -> None:
        """Count the outcomes of the request's events. `unknown` events have an item that the model does not know."""
        for metric, count in (
            (metrics.UNKNOWN, unknown),
            (metrics.DUPLICATES, statuses.count("duplicate")),
            (metrics.LATE, statuses.count("late") + statuses.count("too_old")),
        ):
            if count:  # most requests have none, and CloudWatch bills a record by its bytes
                self.measure(metric, count)

    def add_fault(self, error: NextItemError) -> None:
        """Add a fault that the answer survives."""
        self.faults.append((type(error).__name__, str(error)))

    def values(self, status: int, total: float, waited: float) -> dict[str, float]:
        """Return the metrics of the finished request by name.

        A request that was refused unread has no times: its zeros would hide how slow the others are.

        Args:
            status: the HTTP status of the answer.
            total: milliseconds inside the function.
            waited: milliseconds that the request waited for the process to start.
        """
        if self.is_refused_unread:
            return {metrics.REQUESTS.name: 1, metrics.SERVER_ERRORS.name: 1, metrics.OVERLOADED.name: 1}
        phases = self.phases
        return {
            metrics.REQUESTS.name: 1,
            metrics.TOTAL.name: total,
            metrics.SLOW.name: int(waited + total > metrics.SLOW_MS),
            metrics.SERVER_ERRORS.name: int(status >= _FAILED),
            metrics.REFUSED.name: int(_REFUSED <= status < _FAILED),
            metrics.STORE_READ.name: phases.get("store_read", 0.0),
            metrics.INFERENCE.name: phases.get("replay", 0.0) + phases.get("scoring", 0.0),
            metrics.STORE_WRITE.name: phases.get("store_write", 0.0),
            metrics.STORE_FAULTS.name: len(self.faults),
            metrics.COLD_STARTS.name: int(waited > 0),
            **self._measured,
        }


class Telemetry:
    """Writes the log and the metrics of one process.

    Args:
        cold: milliseconds of each phase of this process's start. The first request reports them, but not under
            SnapStart, where many processes come from one start.
        stack: the first dimension of every metric.
        placements: those that are a dimension of metrics; others are only in the log.
        sink: takes the metrics records; by default they go to the log.
        ready_first: whether the process gets no request until it is ready, so that none waits for its start. A Lambda
            function reads that from its environment.
    """

    def __init__(
        self,
        cold: dict[ColdPhase, float],
        stack: str,
        placements: Collection[str] = (),
        sink: MetricsSink | None = None,
        *,
        ready_first: bool = False,
    ) -> None:
        kind = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        self._cold = {} if kind == "snap-start" else cold
        # Provisioned concurrency and Managed Instances start before any request, so none waits for it.
        self._awaited = kind == "on-demand" and not ready_first
        self._stack, self._placements = stack, placements
        self._sink = EmfSink() if sink is None else sink
        self._lock = threading.Lock()

    @never_raise
    def prepare(self) -> None:
        """Do the slow part of the first record. A cold start calls this while it waits for the model."""
        self._sink.prepare()

    @cached_property
    def _logger(self) -> "Logger":
        from aws_lambda_powertools import Logger

        with self._lock:  # two at once would add two handlers: each line would come twice
            return Logger(service="nextitem")

    def report_restore(self, milliseconds: float) -> None:
        """Let the first request after SnapStart's restore report the restore as its cold start.

        Args:
            milliseconds: time in our hooks; Lambda's own REPORT line has the whole restore.
        """
        self._cold, self._awaited = {"restore": milliseconds}, True

    @never_raise
    def report_fault(self, error: BaseException) -> None:
        """Log and count a fault outside any request: an error of the tree, or an unexpected one."""
        self._write({}, {metrics.ROUTE_FAULTS.name: 1}, {})
        unexpected = None if isinstance(error, NextItemError) else error
        self._warn("background work failed", type(error).__name__, str(error), unexpected)

    @never_raise
    def report_exception(self, message: str) -> None:
        """Log the exception that is being handled, with its traceback."""
        self._logger.exception(message)

    @never_raise
    def emit(self, record: RequestRecord, status: int) -> None:
        """Write the metrics record of a request, and a log line for each fault that it survived.

        Args:
            record: the request's measurements.
            status: the HTTP status of the answer.
        """
        total = (time.perf_counter() - record.started) * 1000
        cold = self._take_cold() if self._cold and not record.is_refused_unread else {}
        values = record.values(status, total, sum(cold.values()) if self._awaited else 0.0)
        for name, milliseconds in cold.items():
            values[_COLD_METRICS[name].name] = milliseconds
        if cold:
            values[metrics.COLD_FIRST.name] = total
        properties: dict[str, str | int] = {"operation": record.operation, "status": status}
        dimensions = record.dimensions | self._placed(record.placement)
        if record.placement is not None and not self._placed(record.placement):
            properties["placement"] = record.placement
        for feedback in record.feedback:
            values |= self._feedback_metrics(feedback, dimensions)
        self._write(dimensions, values, properties)
        for kind, detail in record.faults:
            self._warn("store fault", kind, detail)

    def _take_cold(self) -> dict[ColdPhase, float]:
        """Return the phases of the start, once: several threads may have a first request."""
        with self._lock:
            cold, self._cold = self._cold, {}
        return cold

    @never_raise
    def _warn(self, message: str, fault: str, detail: str, error: BaseException | None = None) -> None:
        self._logger.warning(message, extra={"fault": fault, "detail": detail}, exc_info=error)

    def _feedback_metrics(self, feedback: Feedback, dimensions: dict[str, str]) -> dict[str, float]:
        """Return the metrics of a feedback for the request's record.

        If the answer was given by another version than the request's, or for another placement that is a dimension,
        they are written as a record of their own instead.
        """
        values: dict[str, float] = {}
        if feedback.rank is not None or feedback.clicks:
            values[metrics.CLICKS.name] = feedback.clicks
        if (rank := feedback.rank) is not None:
            values[metrics.LABELS.name] = 1
            values[metrics.HITS.name] = int(rank > 0)
            values[metrics.RECIPROCAL_RANK.name] = 1 / rank if rank else 0.0
        for kind, count in feedback.conversions.items():
            values[metrics.CONVERSION_METRICS[kind].name] = count
        answerer, placed = feedback.answerer, self._placed(feedback.answerer.placement)
        answered_by = {"model_version": answerer.version, "variant": answerer.variant, **placed}
        if answered_by.items() <= dimensions.items() and ("placement" in dimensions) == bool(placed):
            return values
        self._write(answered_by, values, {})
        return {}

    def _placed(self, placement: str | None) -> dict[str, str]:
        """Return the dimension of a placement, if it is one."""
        return {} if placement is None or placement not in self._placements else {"placement": placement}

    @never_raise
    def _write(self, dimensions: dict[str, str], values: dict[str, float], properties: dict[str, str | int]) -> None:
        self._sink.write({"stack": self._stack, **dimensions}, values, properties)


def process_age_ms() -> float:
    """Return the milliseconds since this process was spawned (Linux, in steps of 10), 0 where that is unknown."""
    try:
        spawned = int(Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()[19]) / _TICKS
        uptime = float(Path("/proc/uptime").read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0
    return max(0.0, (uptime - spawned) * 1000)

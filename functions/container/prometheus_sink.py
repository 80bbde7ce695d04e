"""Metrics for Prometheus: each worker process counts in files of its own, and any of them answers for all.

Versions that no longer serve keep their series until the container ends: prometheus_client cannot remove series of
several processes. Their counters do not change any more, so rates and shares do not see them. A process names at most
`MAX_VERSIONS` versions and variants; all later ones are counted as `OTHER`, and a line of the log says so.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, generate_latest
from prometheus_client import values as value_classes
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

from container.metrics_files import WorkerNumber, forget_dead_gauges, shared_directory
from nextitem.telemetry import prometheus
from nextitem.telemetry.metrics import Metric

LABELS = ("stack", "model_version", "variant", "served_by", "placement")
"""Every label; a record has some of them, the others are empty."""
MAX_VERSIONS = 50
"""Pairs of a model version and a variant. Each has some 40 series."""
OTHER = "other"
SUM_OF_LIVING: Literal["livesum"] = "livesum"
"""prometheus_client's name of it."""
_MS_PER_SECOND = 1000
_LOG = logging.getLogger(__name__)

_EVENT_COUNTERS = tuple(
    metric for metric in prometheus.EXPOSED if prometheus.kind(metric) == "counter" and not metric.always
)
"""Counters that not every request adds to."""
_FIRST_COUNTERS = tuple(
    metric
    for metric in prometheus.EXPOSED
    if prometheus.kind(metric) == "counter" and (metric.always or prometheus.labels(metric) == ("stack",))
)
"""Counters that begin with 0 before the first request."""

_LabelValues = tuple[str, ...]
_Write = Callable[[float], None]


class PrometheusSink:
    """Counts the records of this process. There is one in each process, made after the process was forked.

    Args:
        stack: the value of the label `stack`. The counters of requests without a model version begin with 0, and those
            that have no other label: Prometheus sees their first event, and a container without requests is not silent.

    Raises:
        RuntimeError: the process has no directory for its metrics, see `metrics_files.metrics_directory`.
        OSError: the directory cannot be used. A full disk is no error: what finds no room is not counted.
    """

    def __init__(self, stack: str) -> None:
        self._number = WorkerNumber(shared_directory())
        # Read at each creation of a series: from here on the files are those of the number.
        value_classes.ValueClass = value_classes.MultiProcessValue(self._number)
        self._metrics = {metric.name: metric for metric in prometheus.EXPOSED}
        self._families = {metric.name: _family(metric) for metric in prometheus.EXPOSED}
        self._series: dict[_LabelValues, dict[str, _Write]] = {}
        self._versions: set[tuple[str, str]] = set()
        self._versions_lock, self._is_full = threading.Lock(), False
        self._series_lock, self._lacks_room = threading.RLock(), False
        self._stack, self._has_begun = stack, False
        self._gauges: dict[str, Gauge] = {}
        self._begin()

    def _begin(self) -> bool:
        """Return whether the first series are there. They are made here, once there is room for them."""
        if self._has_begun:
            return True
        with self._series_lock:
            if not self._has_begun and self._has_room():
                for gauge in () if self._gauges else prometheus.GAUGES:
                    family = Gauge(
                        gauge.name, gauge.meaning, ("stack",), registry=None, multiprocess_mode=SUM_OF_LIVING
                    )
                    self._gauges[gauge.name] = family.labels(self._stack)
                    self._gauges[gauge.name].set(0)  # what a dead worker left under the number is over
                self._has_begun = all(self._writer(metric, {"stack": self._stack}) for metric in _FIRST_COUNTERS)
            return self._has_begun

    def _has_room(self) -> bool:
        """Reserve room for the next series and return whether there is any; say once that there is none."""
        try:
            self._number.reserve()
        except OSError as error:
            if not self._lacks_room:
                _LOG.warning("no room for metrics in %s: new series are not counted: %s", shared_directory(), error)
            self._lacks_room = True
            return False
        self._lacks_room = False
        return True

    def prepare(self) -> None:
        """Do nothing: the series are there."""

    def write(
        self,
        dimensions: Mapping[str, str],
        values: Mapping[str, float],
        properties: Mapping[str, str | int],  # noqa: ARG002 - for logs
    ) -> None:
        """Count one record; its properties are for logs. Values of new series are not counted where the disk is full.

        Raises:
            KeyError: a metric is not one of `prometheus.EXPOSED`.
        """
        key = tuple(dimensions.get(label, "") for label in LABELS)
        series = self._series.get(key)
        if series is None:
            series = {}
            if self._begin() and (not dimensions.get("model_version") or self._start_counters(dimensions)):
                self._series[key] = series
        for name, value in values.items():
            write = series.get(name)
            if write is None:
                write = self._writer(self._metrics[name], dimensions)
                if write is None:
                    continue
                series[name] = write
            write(value)

    def set_load(self, in_flight: int, waiting: int) -> None:
        """Set how many requests this process works on, and how many wait for it."""
        if self._begin():
            self._gauges[prometheus.IN_FLIGHT.name].set(in_flight)
            self._gauges[prometheus.WAITING.name].set(waiting)

    def close(self) -> None:
        """Close the files and let another process continue them."""
        value_classes.ValueClass.close_all_files()
        self._number.release()

    def _start_counters(self, dimensions: Mapping[str, str]) -> bool:
        """Let the counters of events that a version has not seen yet begin with 0; return whether all found room."""
        of_version = (metric for metric in _EVENT_COUNTERS if "model_version" in prometheus.labels(metric))
        return all(self._writer(metric, dimensions) for metric in of_version)

    def _writer(self, metric: Metric, dimensions: Mapping[str, str]) -> _Write | None:
        """Return what adds a value to the series of a metric and a record's dimensions; None if it finds no room."""
        labelled = self._bounded(dimensions)
        labels = (labelled.get(label, "") for label in prometheus.labels(metric))
        with self._series_lock:
            if not self._has_room():
                return None
            child = self._families[metric.name].labels(*labels)
        if isinstance(child, Counter):
            return lambda count: child.inc(count) if count else None  # most counts are 0, and each write takes 3 us
        if isinstance(child, Histogram):
            return lambda milliseconds: child.observe(milliseconds / _MS_PER_SECOND)
        return child.observe

    def _bounded(self, dimensions: Mapping[str, str]) -> Mapping[str, str]:
        """Return dimensions whose version and variant are known, or one of the first of this process."""
        pair = (dimensions.get("model_version", ""), dimensions.get("variant", ""))
        if pair == ("", "") or pair in self._versions:
            return dimensions
        with self._versions_lock:
            if len(self._versions) < MAX_VERSIONS:
                self._versions.add(pair)
            if pair in self._versions:
                return dimensions
            is_first, self._is_full = not self._is_full, True
        if is_first:
            message = "model version %s, variant %s and all later ones are counted as %r: restart the workers (SIGHUP)"
            _LOG.warning(message, *pair, OTHER)
        return {**dimensions, "model_version": OTHER, "variant": OTHER}


def exposition() -> tuple[bytes, str]:
    """Return the metrics of all worker processes, dead ones included, and their content type."""
    directory = shared_directory()
    forget_dead_gauges(directory)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(directory))
    return generate_latest(registry), CONTENT_TYPE_LATEST


def _family(metric: Metric) -> Counter | Histogram | Summary:
    name, labels = prometheus.base_name(metric), prometheus.labels(metric)
    match prometheus.kind(metric):
        case "counter":
            return Counter(name, metric.meaning, labels, registry=None)
        case "histogram":
            return Histogram(name, metric.meaning, labels, registry=None, buckets=prometheus.buckets(metric))
        case "summary":
            return Summary(name, metric.meaning, labels, registry=None)

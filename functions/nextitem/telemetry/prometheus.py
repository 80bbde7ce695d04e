"""How the metrics of `telemetry.metrics` are called in Prometheus: names, kinds, labels and buckets. No library.

| unit | kind | name |
| --- | --- | --- |
| Milliseconds | histogram, in seconds | `nextitem_total_seconds` for `total_ms` |
| Count | counter | `nextitem_requests_total` |
| None | summary: sum and count | `nextitem_top_score` |

A series has the labels of all dimension sets of its metric at once: summing over the others gives each set.
"""

from typing import Literal

import msgspec

from nextitem.telemetry.metrics import CONTAINER_METRICS, DIMENSION_SETS, METRICS, NAMESPACE, Metric

Kind = Literal["histogram", "counter", "summary"]

LATENCY_BUCKETS = (
    *(0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02),
    *(0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0),
)
"""Upper bounds in seconds. Two are limits of the service, 50 and 150 ms: shares beyond them are exact."""
START_BUCKETS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Upper bounds in seconds for the phases of a start."""
_MILLISECONDS = "_ms"
_START = "cold_"

_KINDS: dict[str, Kind] = {"Milliseconds": "histogram", "Count": "counter", "None": "summary"}


class Gauge(msgspec.Struct, frozen=True):
    """A value at a moment, summed over the worker processes. Its only label is the stack.

    Attributes:
        name: in Prometheus.
        meaning: what the value says.
    """

    name: str
    meaning: str


IN_FLIGHT = Gauge(f"{NAMESPACE}_requests_in_flight", "requests that workers work on now")
WAITING = Gauge(f"{NAMESPACE}_requests_waiting", "requests that wait for a worker now")
GAUGES = (IN_FLIGHT, WAITING)

EXPOSED: tuple[Metric, ...] = (*METRICS, *CONTAINER_METRICS)
"""The metrics that a container exposes. Those of the learning loop belong to other processes."""


def kind(metric: Metric) -> Kind:
    """Return what a metric is in Prometheus."""
    return _KINDS[metric.unit]


def base_name(metric: Metric) -> str:
    """Return a metric's name without the ending of its series: `nextitem_total_seconds`, `nextitem_requests`."""
    if metric.unit == "Milliseconds":
        return f"{NAMESPACE}_{metric.name.removesuffix(_MILLISECONDS)}_seconds"
    return f"{NAMESPACE}_{metric.name}"


def series_names(metric: Metric) -> tuple[str, ...]:
    """Return the names of a metric's series, as expressions use them."""
    base = base_name(metric)
    match kind(metric):
        case "counter":
            return (f"{base}_total",)
        case "histogram":
            return (f"{base}_bucket", f"{base}_sum", f"{base}_count")
        case "summary":
            return (f"{base}_sum", f"{base}_count")


def labels(metric: Metric) -> tuple[str, ...]:
    """Return the names of a metric's labels: the dimensions of all its sets, the stack first."""
    ordered = [name for dimension_set in DIMENSION_SETS for name in dimension_set]
    own = {name for dimension_set in metric.sets for name in dimension_set}
    return tuple(name for name in dict.fromkeys(ordered) if name in own)


def buckets(metric: Metric) -> tuple[float, ...]:
    """Return the upper bounds of a histogram's buckets, in seconds, without the last one, which has none."""
    return START_BUCKETS if metric.name.startswith(_START) else LATENCY_BUCKETS

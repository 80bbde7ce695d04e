"""The alarms that only a container has, and those of the function that mean nothing there. For Prometheus."""

from nextitem.telemetry import metrics
from observability.alarms.types import MINUTE, NO_TRAFFIC, MetricAlarm, Window
from observability.metrics.expressions import IfAtLeast, Share
from observability.metrics.indicators import LATENCY_P99, REQUESTS, total

OBJECTIVE_P99_MS = 50.0
"""99 % of requests should take less time inside a worker."""

CONTAINER_ALARMS = (
    MetricAlarm(
        name="overloaded",
        meaning="More than 1 % of the requests are refused because too many are waiting: more workers are needed",
        runbook="throttling",
        expression=IfAtLeast(total(metrics.OVERLOADED), 10, Share(total(metrics.OVERLOADED), REQUESTS)),
        threshold=0.01,
        window=Window(MINUTE, 3, 5),
        missing=NO_TRAFFIC,
        notifies="ticket",
    ),
    MetricAlarm(
        name="p99-over-objective",
        meaning=f"One request in a hundred takes over {OBJECTIVE_P99_MS:g} ms inside a worker",
        runbook="high-latency",
        expression=IfAtLeast(REQUESTS, 200, LATENCY_P99.expression),
        threshold=OBJECTIVE_P99_MS,
        window=Window(5 * MINUTE, 3, 3),
        missing=NO_TRAFFIC,
        notifies="ticket",
    ),
)

ONLY_IN_FUNCTIONS = {"cold-start-storm": "a container gets no request before it is ready"}
"""Alarms on our metrics that containers do not need, and why."""

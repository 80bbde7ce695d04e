"""The alarms on the session store."""

from nextitem.telemetry import metrics
from observability.alarms.types import MINUTE, NO_TRAFFIC, ONLY_EVENTS, MetricAlarm, MissingData, Window
from observability.metrics import aws_metrics
from observability.metrics.expressions import IfAtLeast, Stat
from observability.metrics.indicators import RESTORE_P95, STORE_FAULT_SHARE, total

_FAULT_SHARE = IfAtLeast(total(metrics.STORE_FAULTS), 10, STORE_FAULT_SHARE.expression)
_NODE_RESOURCES = (
    ("memory", "memory", aws_metrics.NODE_MEMORY, 80),
    ("cpu", "engine CPU", aws_metrics.NODE_CPU, 70),
)

STORE_ALARMS = (
    MetricAlarm(
        name="store-down",
        meaning="The session store fails for more than half of the requests",
        runbook="store-down",
        expression=_FAULT_SHARE,
        threshold=0.5,
        window=Window(MINUTE, 3, 3),
        missing=NO_TRAFFIC,
        notifies="page",
    ),
    MetricAlarm(
        name="store-faults",
        meaning="The session store fails for more than 1 % of the requests",
        runbook="store-down",
        expression=_FAULT_SHARE,
        threshold=0.01,
        window=Window(5 * MINUTE, 3, 3),
        missing=NO_TRAFFIC,
    ),
    MetricAlarm(
        name="restore-slow",
        meaning="Reading and replaying a session's state takes over 50 ms for 5 % of the requests",
        runbook="high-latency",
        expression=RESTORE_P95.expression,
        threshold=50,
        window=Window(5 * MINUTE, 3, 3),
        missing=NO_TRAFFIC,
        notifies="ticket",
    ),
    MetricAlarm(
        name="store-throttled",
        meaning="The serverless cache throttles commands: load rises faster than it scales, or has reached its limit",
        runbook="throttling",
        expression=Stat(aws_metrics.STORE_THROTTLED, "Sum"),
        threshold=0,
        window=Window(MINUTE, 3, 5),
        missing=ONLY_EVENTS,
        notifies="ticket",
        condition="StoreIsServerless",
    ),
    *(
        MetricAlarm(
            name=f"store-node-{number}-{short_name}",
            meaning=f"Node {number} of the store has used over {limit} % of its {resource} for 15 minutes",
            runbook="store-down",
            expression=Stat(nodes[number - 1], "Average"),
            threshold=limit,
            window=Window(5 * MINUTE, 3, 3),
            missing=MissingData("ignore", "store-faults covers a node that is down"),
            notifies="ticket",
            condition="StoreIsNodes",
        )
        for number in (1, 2)
        for short_name, resource, nodes, limit in _NODE_RESOURCES
    ),
)

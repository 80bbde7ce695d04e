"""The alarms on the session store, for the runbook `store-down`; and what all of `watched` say of missing data."""

from nextitem.telemetry import metrics
from observability.alarms.types import MetricAlarm
from observability.metrics import aws_metrics
from observability.metrics.expressions import AtLeast, Stat
from observability.metrics.indicators import (
    RESTORE_P95,
    STORE_FAULT_SHARE,
    total,
)

MINUTE, HOUR = 60, 3_600
STORE_IS_SERVERLESS, STORE_IS_NODES = "StoreIsServerless", "StoreIsNodes"
NO_TRAFFIC = "without requests there is nothing to tell"
NOT_WHERE_NONE = "AWS emits it only when there is something to count"
KEEPS = "a quiet night is no recovery"

STORE_ALARMS = (
    MetricAlarm(
        name="store-down",
        meaning="Every other request or more meets a fault of the session store",
        runbook="store-down",
        expression=AtLeast(total(metrics.STORE_FAULTS), 10, STORE_FAULT_SHARE.expression),
        threshold=0.5,
        period=MINUTE,
        periods=3,
        breaching=3,
        missing="notBreaching",
        missing_because=NO_TRAFFIC,
        notifies="page",
    ),
    MetricAlarm(
        name="store-faults",
        meaning="More than 1 % of requests meet a fault of the session store",
        runbook="store-down",
        expression=AtLeast(total(metrics.STORE_FAULTS), 10, STORE_FAULT_SHARE.expression),
        threshold=0.01,
        period=5 * MINUTE,
        periods=3,
        breaching=3,
        missing="notBreaching",
        missing_because=NO_TRAFFIC,
    ),
    MetricAlarm(
        name="restore-slow",
        meaning="Reading and replaying a session's state takes over 50 ms for 5 of 100 requests",
        runbook="high-latency",
        expression=RESTORE_P95.expression,
        threshold=50,
        period=5 * MINUTE,
        periods=3,
        breaching=3,
        missing="notBreaching",
        missing_because=NO_TRAFFIC,
        notifies="ticket",
    ),
    MetricAlarm(
        name="store-throttled",
        meaning="The serverless cache refuses commands: load rises faster than it scales, or meets its limit",
        runbook="throttling",
        expression=Stat(aws_metrics.STORE_THROTTLED, "Sum"),
        threshold=0,
        period=MINUTE,
        periods=5,
        breaching=3,
        missing="notBreaching",
        missing_because=NOT_WHERE_NONE,
        notifies="ticket",
        condition=STORE_IS_SERVERLESS,
    ),
    *(
        MetricAlarm(
            name=f"store-node-{number}-{what}",
            meaning=f"Node {number} of the store has used over {limit} % of its {resource} for 15 minutes",
            runbook="store-down",
            expression=Stat(nodes[number - 1], "Average"),
            threshold=limit,
            period=5 * MINUTE,
            periods=3,
            breaching=3,
            missing="ignore",
            missing_because="a node that says nothing is seen by store-faults",
            notifies="ticket",
            condition=STORE_IS_NODES,
        )
        for number in (1, 2)
        for what, resource, nodes, limit in (
            ("memory", "memory", aws_metrics.NODE_MEMORY, 80),
            ("cpu", "engine's processor", aws_metrics.NODE_CPU, 70),
        )
    ),
)

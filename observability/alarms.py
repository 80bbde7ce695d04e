"""The alarms beside those on error budgets: each on one cause, for the runbook that mends it."""

from nextitem import metrics
from observability import aws
from observability.alarms import CompositeAlarm, Every, InAlarm, MetricAlarm, Unless
from observability.expressions import AtLeast, Band, Filled, Parameter, Share, Stat
from observability.indicators import (
    ATTEMPTED,
    COLD_START_SHARE,
    FAILED,
    HIT_RATE,
    REQUESTS,
    SLOW_SHARE,
    total,
)
from observability.objectives import burn_alarms, burn_composites
from observability.references import Emitted
from observability.watched_store import (
    HOUR,
    KEEPS,
    MINUTE,
    NO_TRAFFIC,
    NOT_WHERE_NONE,
    STORE_ALARMS,
)

HIT_RATE_FLOOR = Parameter("HitRateFloor")

FUNCTION_ALARMS = (
    MetricAlarm(
        name="cold-start-storm",
        meaning="More than 5 % of requests wait for an environment to start",
        runbook="cold-start-storm",
        expression=AtLeast(total(metrics.COLD_STARTS), 10, COLD_START_SHARE.expression),
        threshold=0.05,
        period=MINUTE,
        periods=5,
        breaching=3,
        missing="notBreaching",
        missing_because=NO_TRAFFIC,
        notifies="ticket",
    ),
    MetricAlarm(
        name="throttled",
        meaning="Invocations are refused: no free environment is allowed",
        runbook="throttling",
        expression=Stat(aws.THROTTLES, "Sum"),
        threshold=0,
        period=MINUTE,
        periods=5,
        breaching=3,
        missing="notBreaching",
        missing_because=NOT_WHERE_NONE,
        notifies="ticket",
    ),
    MetricAlarm(
        name="secret-in-log",
        meaning="The log's data protection found what no log may hold",
        runbook="secret-leak",
        expression=Stat(aws.FINDINGS, "Sum"),
        threshold=0,
        period=5 * MINUTE,
        periods=1,
        breaching=1,
        missing="notBreaching",
        missing_because=NOT_WHERE_NONE,
        notifies="page",
    ),
    MetricAlarm(
        name="telemetry-silent",
        meaning="Fewer than half of the invocations leave a metrics record: the other alarms are blind",
        runbook="restore",
        expression=AtLeast(
            Stat(aws.INVOCATIONS, "Sum"), 20, Share(Filled(REQUESTS), Stat(aws.INVOCATIONS, "Sum")), otherwise=1.0
        ),
        comparison="LessThanThreshold",
        threshold=0.5,
        period=5 * MINUTE,
        periods=3,
        breaching=3,
        missing="notBreaching",
        missing_because="no invocations leave no records",
        notifies="page",
    ),
    MetricAlarm(
        name="rollback-failures",
        meaning="More than 2 % of the alias's requests fail: a deployment that is under way is taken back",
        runbook="bad-model",
        expression=AtLeast(FAILED, 5, Share(FAILED, ATTEMPTED)),
        threshold=0.02,
        period=MINUTE,
        periods=3,
        breaching=2,
        missing="notBreaching",
        missing_because=NO_TRAFFIC,
        rollback=True,
    ),
    MetricAlarm(
        name="rollback-slow",
        meaning="More than 5 % of the alias's requests are slow: a deployment that is under way is taken back",
        runbook="high-latency",
        expression=AtLeast(total(metrics.SLOW), 5, SLOW_SHARE.expression),
        threshold=0.05,
        period=MINUTE,
        periods=3,
        breaching=3,
        missing="notBreaching",
        missing_because=NO_TRAFFIC,
        rollback=True,
    ),
    MetricAlarm(
        name="rollback-version-failures",
        meaning="More than 2 % of the new version's invocations fail: its deployment is taken back",
        runbook="bad-model",
        expression=AtLeast(
            Stat(aws.NEW_ERRORS, "Sum"), 2, Share(Stat(aws.NEW_ERRORS, "Sum"), Stat(aws.NEW_INVOCATIONS, "Sum"))
        ),
        threshold=0.02,
        period=MINUTE,
        periods=3,
        breaching=2,
        missing="notBreaching",
        missing_because=NO_TRAFFIC,
        rollback=True,
    ),
    MetricAlarm(
        name="rollback-version-slow",
        meaning="More than 5 % of the new version's invocations are slow: its deployment is taken back",
        runbook="high-latency",
        expression=AtLeast(Stat(aws.NEW_INVOCATIONS, "Sum"), 20, Stat(aws.NEW_DURATION, "p95")),
        threshold=metrics.SLOW_MS,
        period=MINUTE,
        periods=3,
        breaching=3,
        missing="notBreaching",
        missing_because=NO_TRAFFIC,
        rollback=True,
    ),
)

MODEL_ALARMS = (
    MetricAlarm(
        name="hit-rate-floor",
        meaning="Of the next events fewer were recommended than any sound model reaches",
        runbook="bad-model",
        expression=AtLeast(total(metrics.LABELS), 200, HIT_RATE.expression, otherwise=1.0),
        comparison="LessThanThreshold",
        threshold=HIT_RATE_FLOOR,
        period=15 * MINUTE,
        periods=2,
        breaching=2,
        missing="notBreaching",
        missing_because=NO_TRAFFIC,
    ),
    MetricAlarm(
        name="hit-rate-unusual",
        meaning="The online hit rate is far below what it was at this hour of the past two weeks",
        runbook="bad-model",
        expression=Band(HIT_RATE.expression, 3),
        comparison="LessThanLowerThreshold",
        threshold=None,
        period=HOUR,
        periods=2,
        breaching=2,
        missing="ignore",
        missing_because=KEEPS,
    ),
    MetricAlarm(
        name="route-faults",
        meaning="The route, or a model that it names, cannot be used: running environments keep what they have",
        runbook="bad-model",
        expression=Stat(Emitted(metrics.ROUTE_FAULTS), "Sum"),
        threshold=0,
        period=5 * MINUTE,
        periods=3,
        breaching=2,
        missing="notBreaching",
        missing_because="it is emitted only when there is a fault",
        notifies="ticket",
    ),
    MetricAlarm(
        name="unknown-items",
        meaning="A request that appends events holds over 0.2 on average whose item the model does not know",
        runbook="drift",
        expression=Stat(Emitted(metrics.UNKNOWN), "Average"),
        threshold=0.2,
        period=HOUR,
        periods=3,
        breaching=3,
        missing="ignore",
        missing_because=KEEPS,
        notifies="ticket",
    ),
    MetricAlarm(
        name="score-drift",
        meaning="The first recommendation's score is far from what it was at this hour of the past two weeks",
        runbook="drift",
        expression=Band(Stat(Emitted(metrics.TOP_SCORE), "Average"), 4),
        comparison="LessThanLowerOrGreaterThanUpperThreshold",
        threshold=None,
        period=HOUR,
        periods=3,
        breaching=3,
        missing="ignore",
        missing_because=KEEPS,
        notifies="ticket",
    ),
)

ALARMS: tuple[MetricAlarm, ...] = (*burn_alarms(), *STORE_ALARMS, *FUNCTION_ALARMS, *MODEL_ALARMS)

COMPOSITES: tuple[CompositeAlarm, ...] = (
    *burn_composites(),
    CompositeAlarm(
        name="store-faults-ticket",
        meaning="The session store faults, and is not down",
        runbook="store-down",
        rule=Every((InAlarm("store-faults"), Unless(InAlarm("store-down")))),
        notifies="ticket",
    ),
    CompositeAlarm(
        name="bad-model",
        meaning="The model in use recommends hardly anything that visitors then look at",
        runbook="bad-model",
        rule=InAlarm("hit-rate-floor"),
        notifies="page",
        suppressor="store-down",
    ),
    CompositeAlarm(
        name="model-decline",
        meaning="The model in use recommends worse than it did, and not because the store is down",
        runbook="bad-model",
        rule=Every((InAlarm("hit-rate-unusual"), Unless(InAlarm("hit-rate-floor")), Unless(InAlarm("store-down")))),
        notifies="ticket",
    ),
)

EVERY_ALARM: tuple[MetricAlarm | CompositeAlarm, ...] = (*ALARMS, *COMPOSITES)

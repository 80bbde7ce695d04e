"""The alarms on the model: its route, its online hit rate, its input and its scores."""

from nextitem.telemetry import metrics
from observability.alarms.types import HOUR, KEEP_STATE, MINUTE, NO_TRAFFIC, ONLY_EVENTS, MetricAlarm, Window
from observability.metrics.expressions import Band, IfAtLeast, Parameter, Stat
from observability.metrics.indicators import HIT_RATE, UNKNOWN_SHARE, total
from observability.metrics.references import OwnMetric

HIT_RATE_FLOOR = Parameter("HitRateFloor")

MODEL_ALARMS = (
    MetricAlarm(
        name="hit-rate-floor",
        meaning="The online hit rate is below the parameter HitRateFloor",
        runbook="bad-model",
        expression=IfAtLeast(total(metrics.LABELS), 200, HIT_RATE.expression, otherwise=1.0),
        comparison="LessThanThreshold",
        threshold=HIT_RATE_FLOOR,
        window=Window(15 * MINUTE, 2, 2),
        missing=NO_TRAFFIC,
    ),
    MetricAlarm(
        name="hit-rate-unusual",
        meaning="The online hit rate is far below its level at this hour of the past two weeks",
        runbook="bad-model",
        expression=Band(HIT_RATE.expression, 3),
        comparison="LessThanLowerThreshold",
        threshold=None,
        window=Window(HOUR, 2, 2),
        missing=KEEP_STATE,
    ),
    MetricAlarm(
        name="route-faults",
        meaning="The route or one of its models cannot be loaded; running environments keep the models that they have",
        runbook="bad-model",
        expression=Stat(OwnMetric(metrics.ROUTE_FAULTS), "Sum"),
        threshold=0,
        window=Window(5 * MINUTE, 2, 3),
        missing=ONLY_EVENTS,
        notifies="ticket",
    ),
    MetricAlarm(
        name="unknown-items",
        meaning="There are more than 0.2 new events with an item that the model does not know for each request",
        runbook="drift",
        expression=UNKNOWN_SHARE.expression,
        threshold=0.2,
        window=Window(HOUR, 3, 3),
        missing=KEEP_STATE,
        notifies="ticket",
    ),
    MetricAlarm(
        name="score-drift",
        meaning="The first recommendation's score is far from its level at this hour of the past two weeks",
        runbook="drift",
        expression=Band(Stat(OwnMetric(metrics.TOP_SCORE), "Average"), 4),
        comparison="LessThanLowerOrGreaterThanUpperThreshold",
        threshold=None,
        window=Window(HOUR, 3, 3),
        missing=KEEP_STATE,
        notifies="ticket",
    ),
)

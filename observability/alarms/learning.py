"""The alarms on drift, from the metrics of the scheduled function. They exist where the parameter Learning says so.

The function runs every hour and measures a day, so the newest value of three hours must agree: the value is smoothed,
and one more run must not undo it.
"""

from model_export.drift.report import ELEVATED, MAX_SHORTFALL
from nextitem.telemetry import metrics
from observability.alarms.rules import AllOf, InAlarm, Not
from observability.alarms.types import HOUR, CompositeAlarm, MetricAlarm, MissingData, Window
from observability.metrics.expressions import Stat
from observability.metrics.references import OwnMetric

_NOT_MEASURED = MissingData("ignore", "an hour without a measurement is not a recovery")
_LASTING = Window(HOUR, 3, 3)

LEARNING_ALARMS = (
    MetricAlarm(
        name="shop-moved",
        meaning="Live events are distributed differently from the model's training, or from last week",
        runbook="drift",
        expression=Stat(OwnMetric(metrics.DRIFT_PSI), "Maximum"),
        threshold=ELEVATED,
        window=_LASTING,
        missing=_NOT_MEASURED,
        condition="LearningIsScheduled",
    ),
    MetricAlarm(
        name="hit-rate-shortfall",
        meaning="For hours, more than a third of the hit rate that the model's validation promised is missing online",
        runbook="drift",
        expression=Stat(OwnMetric(metrics.HIT_RATE_SHORTFALL), "Minimum"),
        threshold=round(MAX_SHORTFALL, 4),
        window=_LASTING,
        missing=_NOT_MEASURED,
        condition="LearningIsScheduled",
    ),
)

LEARNING_COMPOSITES = (
    CompositeAlarm(
        name="model-outdated",
        meaning="The online hit rate stays far below what the model's validation promised: train again now",
        runbook="drift",
        rule=AllOf((InAlarm("hit-rate-shortfall"), Not(InAlarm("hit-rate-floor")))),
        notifies="page",
        suppressor="store-down",
        condition="LearningIsScheduled",
    ),
    CompositeAlarm(
        name="drift",
        meaning="The shop has moved away from what the model learned, and the hit rate does not page yet",
        runbook="drift",
        rule=AllOf((InAlarm("shop-moved"), Not(InAlarm("model-outdated")))),
        notifies="ticket",
        condition="LearningIsScheduled",
    ),
)

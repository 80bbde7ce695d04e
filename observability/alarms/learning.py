"""The alarms on drift and on the learning loop itself. They exist where the parameter Learning says so.

The drift function runs every hour and measures a day, so the newest value of three hours must agree: the value is
smoothed, and one more run must not undo it.
"""

from model_export.drift.report import ELEVATED, MAX_SHORTFALL
from nextitem.telemetry import metrics
from observability.alarms.rules import AllOf, InAlarm, Not
from observability.alarms.types import HOUR, MINUTE, ONLY_EVENTS, CompositeAlarm, MetricAlarm, MissingData, Window
from observability.metrics import aws_metrics
from observability.metrics.expressions import Filled, Number, Plus, Stat, Times
from observability.metrics.references import AwsMetric, OwnMetric

_NOT_MEASURED = MissingData("ignore", "an hour without a measurement is not a recovery")
_LASTING = Window(HOUR, 3, 3)
_ONE_HOUR = Window(HOUR, 1, 1)

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

_ALL_TRIES = 2
"""EventBridge has Lambda try a failed run twice more: with more errors all tries of a run have failed."""


def _failed(name: str, meaning: str, errors: AwsMetric, window: Window = _ONE_HOUR) -> MetricAlarm:
    """Return an alarm on a function of the loop of which all tries of a run failed."""
    return MetricAlarm(
        name=name,
        meaning=meaning,
        runbook="learning-loop",
        expression=Stat(errors, "Sum"),
        threshold=_ALL_TRIES,
        window=window,
        missing=ONLY_EVENTS,
        notifies="ticket",
        condition="LearningIsScheduled",
    )


LOOP_ALARMS = (
    MetricAlarm(
        name="lake-behind",
        meaning="The collector does not reach all streams: events are lost when a stream is full",
        runbook="learning-loop",
        expression=Stat(OwnMetric(metrics.LAKE_STREAMS_LEFT), "Maximum"),
        threshold=0,
        window=Window(15 * MINUTE, 3, 4),
        missing=MissingData("notBreaching", "lake-stopped covers a collector that does not run"),
        notifies="ticket",
        condition="LearningIsScheduled",
    ),
    MetricAlarm(
        name="lake-stopped",
        meaning="No run of the collector has succeeded for an hour: events are lost when a stream is full",
        runbook="learning-loop",
        expression=Plus(
            (
                Filled(Stat(aws_metrics.COLLECT_INVOCATIONS, "Sum")),
                Times((Number(-1), Filled(Stat(aws_metrics.COLLECT_ERRORS, "Sum")))),
            )
        ),
        comparison="LessThanThreshold",
        threshold=1,
        window=_ONE_HOUR,
        missing=MissingData("breaching", "it runs four times an hour"),
        notifies="ticket",
        condition="LearningIsScheduled",
    ),
    MetricAlarm(
        name="lake-lost",
        meaning="Acknowledged events were lost before they reached the lake",
        runbook="learning-loop",
        expression=Stat(OwnMetric(metrics.LAKE_LOST), "Sum"),
        threshold=0,
        window=Window(15 * MINUTE, 1, 1),
        missing=ONLY_EVENTS,
        notifies="ticket",
        condition="LearningIsScheduled",
    ),
    _failed(
        "compaction-failed",
        "The lake's compaction failed: deleted sessions are still in it",
        aws_metrics.COMPACT_ERRORS,
    ),
    _failed(
        "decider-failed",
        "Looks at the running experiment fail: no guard rail takes a bad challenger back",
        aws_metrics.DECIDE_ERRORS,
    ),
    MetricAlarm(
        name="guards-unmeasured",
        meaning="Looks go on without the guard rails, which CloudWatch does not give: no share rises",
        runbook="learning-loop",
        expression=Stat(OwnMetric(metrics.GUARDS_UNMEASURED), "Sum"),
        threshold=0,
        window=Window(HOUR, 2, 3),
        missing=ONLY_EVENTS,
        notifies="ticket",
        condition="LearningIsScheduled",
    ),
    _failed("drift-not-measured", "Drift was not measured for hours", aws_metrics.DRIFT_ERRORS, _LASTING),
    MetricAlarm(
        name="retraining-failed",
        meaning="A retraining failed, or its version did not pass the gate",
        runbook="learning-loop",
        expression=Plus(
            (
                Filled(Stat(aws_metrics.RETRAININGS_FAILED, "Sum")),
                Filled(Stat(aws_metrics.RETRAININGS_TIMED_OUT, "Sum")),
            )
        ),
        threshold=0,
        window=Window(5 * MINUTE, 1, 1),
        missing=ONLY_EVENTS,
        notifies="ticket",
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

"""The alarms on the function: its environments, its log, and the rollback of its deployments."""

from nextitem.telemetry import metrics
from observability.alarms.types import MINUTE, NO_TRAFFIC, ONLY_EVENTS, MetricAlarm, MissingData, Runbook, Window
from observability.metrics import aws_metrics
from observability.metrics.expressions import Expression, Filled, IfAtLeast, Share, Stat
from observability.metrics.indicators import ATTEMPTED, COLD_START_SHARE, FAILED, REQUESTS, SLOW_SHARE, total

_INVOCATIONS = Stat(aws_metrics.INVOCATIONS, "Sum")
_NEW_INVOCATIONS = Stat(aws_metrics.NEW_INVOCATIONS, "Sum")
_NEW_ERRORS = Stat(aws_metrics.NEW_ERRORS, "Sum")


def _rollback(
    name: str, meaning: str, runbook: Runbook, expression: Expression, threshold: float, breaching: int
) -> MetricAlarm:
    """Return an alarm that rolls a deployment back."""
    return MetricAlarm(
        name=f"rollback-{name}",
        meaning=meaning,
        runbook=runbook,
        expression=expression,
        threshold=threshold,
        window=Window(MINUTE, breaching, 3),
        missing=NO_TRAFFIC,
        rollback=True,
    )


FUNCTION_ALARMS = (
    MetricAlarm(
        name="cold-start-storm",
        meaning="More than 5 % of the requests wait for a cold start",
        runbook="cold-start-storm",
        expression=IfAtLeast(total(metrics.COLD_STARTS), 10, COLD_START_SHARE.expression),
        threshold=0.05,
        window=Window(MINUTE, 3, 5),
        missing=NO_TRAFFIC,
        notifies="ticket",
    ),
    MetricAlarm(
        name="throttled",
        meaning="Lambda refuses invocations: the concurrency limit is reached",
        runbook="throttling",
        expression=Stat(aws_metrics.THROTTLES, "Sum"),
        threshold=0,
        window=Window(MINUTE, 3, 5),
        missing=ONLY_EVENTS,
        notifies="ticket",
    ),
    MetricAlarm(
        name="secret-in-log",
        meaning="CloudWatch's data protection found a secret or personal data in the function's log",
        runbook="secret-leak",
        expression=Stat(aws_metrics.FINDINGS, "Sum"),
        threshold=0,
        window=Window(5 * MINUTE, 1, 1),
        missing=ONLY_EVENTS,
        notifies="page",
    ),
    MetricAlarm(
        name="telemetry-silent",
        meaning="Fewer than half of the invocations write a metrics record, so the other alarms may stay silent",
        runbook="restore",
        expression=IfAtLeast(_INVOCATIONS, 20, Share(Filled(REQUESTS), _INVOCATIONS), otherwise=1.0),
        comparison="LessThanThreshold",
        threshold=0.5,
        window=Window(5 * MINUTE, 3, 3),
        missing=MissingData("notBreaching", "without invocations there are no records"),
        notifies="page",
    ),
    _rollback(
        "failures",
        "More than 2 % of the alias's requests fail; a deployment in progress is rolled back",
        "bad-model",
        IfAtLeast(FAILED, 5, Share(FAILED, ATTEMPTED)),
        threshold=0.02,
        breaching=2,
    ),
    _rollback(
        "slow",
        "More than 5 % of the alias's requests are slow; a deployment in progress is rolled back",
        "high-latency",
        IfAtLeast(total(metrics.SLOW), 5, SLOW_SHARE.expression),
        threshold=0.05,
        breaching=3,
    ),
    _rollback(
        "version-failures",
        "More than 2 % of the new version's invocations fail; its deployment is rolled back",
        "bad-model",
        IfAtLeast(_NEW_ERRORS, 2, Share(_NEW_ERRORS, _NEW_INVOCATIONS)),
        threshold=0.02,
        breaching=2,
    ),
    _rollback(
        "version-slow",
        "More than 5 % of the new version's invocations are slow; its deployment is rolled back",
        "high-latency",
        IfAtLeast(_NEW_INVOCATIONS, 20, Stat(aws_metrics.NEW_DURATION, "p95")),
        threshold=metrics.SLOW_MS,
        breaching=3,
    ),
)

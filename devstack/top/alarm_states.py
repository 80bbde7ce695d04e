"""The state of each deployed alarm, evaluated over the metrics of this machine's workers."""

from dataclasses import dataclass
from typing import Literal

from observability.alarms.catalogue import ALARMS, COMPOSITES
from observability.alarms.evaluation import Measurements, State, active_suppressor, evaluate_alarms
from observability.alarms.types import CompositeAlarm, MetricAlarm
from observability.metrics.expressions import Parameter
from observability.rendering.template import DEFAULTS

RUNBOOKS = "docs/runbooks"


@dataclass(frozen=True, slots=True)
class AlarmState:
    """The state of one alarm.

    Attributes:
        name: as deployed, without the function's name as prefix.
        state: NOT_EVALUATED if it watches what only AWS emits, or needs CloudWatch's anomaly detection.
        action: page, ticket or rollback of a deployment; None if only other alarms read it.
        suppressed_by: the alarm that keeps it from notifying now.
        value: the newest data point, compared with `threshold`.
        meaning: what an alarm means.
        runbook: path of the page for it.
    """

    name: str
    state: State
    action: Literal["page", "ticket", "rollback"] | None
    suppressed_by: str | None
    value: float | None
    threshold: float | None
    meaning: str
    runbook: str


def alarm_states(measurements: Measurements, now: float) -> tuple[AlarmState, ...]:
    """Evaluate every alarm at a moment (epoch seconds); the template's parameters have their defaults."""
    evaluations = evaluate_alarms(ALARMS, COMPOSITES, measurements, now, DEFAULTS)
    return tuple(
        AlarmState(
            name=evaluation.alarm.name,
            state=evaluation.state,
            action=_action(evaluation.alarm),
            suppressed_by=active_suppressor(evaluation.alarm, evaluations) if evaluation.state == "ALARM" else None,
            value=evaluation.value,
            threshold=_threshold(evaluation.alarm) if isinstance(evaluation.alarm, MetricAlarm) else None,
            meaning=evaluation.alarm.meaning,
            runbook=f"{RUNBOOKS}/{evaluation.alarm.runbook}.md",
        )
        for evaluation in evaluations
    )


def _action(alarm: MetricAlarm | CompositeAlarm) -> Literal["page", "ticket", "rollback"] | None:
    return "rollback" if isinstance(alarm, MetricAlarm) and alarm.rollback else alarm.notifies


def _threshold(alarm: MetricAlarm) -> float | None:
    return DEFAULTS[alarm.threshold.name] if isinstance(alarm.threshold, Parameter) else alarm.threshold

"""The alarms that are deployed, judged over what this machine's workers measured: same conditions, same runbooks.

Knows no log and no terminal.
"""

from dataclasses import dataclass
from typing import Literal

from observability.alarms.catalogue import ALARMS, COMPOSITES
from observability.alarms.evaluation import Measurements, State, active_suppressor, evaluate_alarms
from observability.alarms.types import MetricAlarm
from observability.metrics.expressions import Parameter
from observability.rendering.template import DEFAULTS

RUNBOOKS = "docs/runbooks"


@dataclass(frozen=True, slots=True)
class AlarmState:
    """How an alarm stands.

    Attributes:
        name: as deployed, without the function's name before it.
        state: NOT_EVALUATED if it watches what only AWS emits, or needs CloudWatch's anomaly detection.
        tells: whom it notifies, or that a deployment is taken back by it; None if only other alarms look at it.
        suppressed_by: the alarm that keeps it from notifying now.
        value: the newest data point.
        threshold: what it is compared with.
        meaning: what it says.
        runbook: the page to open.
    """

    name: str
    state: State
    tells: Literal["page", "ticket", "rollback"] | None
    suppressed_by: str | None
    value: float | None
    threshold: float | None
    meaning: str
    runbook: str


def alarm_states(measured: Measurements, now: float) -> tuple[AlarmState, ...]:
    """Judge every alarm at a moment (epoch seconds); the template's parameters have their defaults."""
    judged = evaluate_alarms(ALARMS, COMPOSITES, measured, now, DEFAULTS)
    return tuple(
        AlarmState(
            name=one.alarm.name,
            state=one.state,
            tells="rollback" if isinstance(one.alarm, MetricAlarm) and one.alarm.rollback else one.alarm.notifies,
            suppressed_by=active_suppressor(one.alarm, judged) if one.state == "ALARM" else None,
            value=one.value,
            threshold=_threshold(one.alarm) if isinstance(one.alarm, MetricAlarm) else None,
            meaning=one.alarm.meaning,
            runbook=f"{RUNBOOKS}/{one.alarm.runbook}.md",
        )
        for one in judged
    )


def _threshold(alarm: MetricAlarm) -> float | None:
    return DEFAULTS[alarm.threshold.name] if isinstance(alarm.threshold, Parameter) else alarm.threshold

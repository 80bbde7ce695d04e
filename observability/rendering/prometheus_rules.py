"""Prometheus's rules of the alarms: recorded values, recorded states, and alerts for those that notify.

https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/
CloudWatch counts data points that breach a threshold. So does a state here, over the recorded values of the alarm:

    nextitem:watched{alarm="store-down"}    the value of the expression, each minute
    nextitem:alarm{alarm="store-down"}      there while 3 of 3 values breach; composite alarms combine these
"""

from dataclasses import dataclass
from typing import Any

from observability.alarms.catalogue import ALARMS, COMPOSITES
from observability.alarms.container import CONTAINER_ALARMS, ONLY_IN_FUNCTIONS
from observability.alarms.rules import AllOf, AnyOf, InAlarm, Not, Rule, alarm_names
from observability.alarms.types import DAY, Alarm, CompositeAlarm, MetricAlarm
from observability.metrics.expressions import Band, IfAtLeast, Parameter
from observability.rendering.alarm_resources import SUPPRESSOR_WAIT
from observability.rendering.naming import logical_id
from observability.rendering.promql import NotExpressible, duration, promql
from observability.rendering.template import DEFAULTS

WATCHED, STATE, PARAMETER = "nextitem:watched", "nextitem:alarm", "nextitem:parameter"
"""The names of recorded series."""
RECORDED = (WATCHED, STATE, PARAMETER)
EVALUATED_EACH = "1m"
BAND_DAYS, BAND_LEAST_DAYS = 14, 3
"""Days that a band is computed from, and the least days that must be there."""
_VALUES_A_DAY = DAY // 60
SILENT = "telemetry-silent"
_SILENCE = (
    "count by (stack) (last_over_time(nextitem_requests_total[1d])) unless count by (stack) (nextitem_requests_total)"
)
"""CloudWatch compares with Lambda's invocations, Prometheus with the day before."""
SILENT_FOR = "5m"
_MEANINGS = {
    SILENT: "No container of the stack has been scraped for minutes, so the other alerts stay silent",
    "score-drift": "The first recommendation's score is far from its level of the past two weeks",
}
"""Where Prometheus watches something else than CloudWatch."""
RUNBOOKS = "docs/runbooks"


@dataclass(frozen=True, slots=True)
class Expressible:
    """The alarms that Prometheus evaluates, and the names of the others, each with the reason."""

    metric_alarms: tuple[MetricAlarm, ...]
    composites: tuple[CompositeAlarm, ...]
    refused: dict[str, str]


def expressible() -> Expressible:
    """Return which alarms Prometheus can evaluate."""
    refused: dict[str, str] = {}
    kept: list[MetricAlarm] = []
    for alarm in (*ALARMS, *CONTAINER_ALARMS):
        try:
            _check(alarm)
        except NotExpressible as error:
            refused[alarm.name] = str(error)
        else:
            kept.append(alarm)
    composites: list[CompositeAlarm] = []
    for composite in COMPOSITES:
        missing = [name for name in alarm_names(composite.rule) if name in refused]
        if missing:
            refused[composite.name] = f"it needs {', '.join(missing)}"
        else:
            composites.append(composite)
    return Expressible(tuple(kept), tuple(composites), refused)


def rules() -> dict[str, Any]:
    """Return the rules file as data."""
    alarms = expressible()
    parameters = dict.fromkeys(
        alarm.threshold.name for alarm in alarms.metric_alarms if isinstance(alarm.threshold, Parameter)
    )
    recorded = [_record(PARAMETER, f"vector({DEFAULTS[name]:g})", parameter=name) for name in parameters]
    for alarm in alarms.metric_alarms:
        if alarm.name != SILENT:
            recorded.append(_record(WATCHED, promql(_inner(alarm), alarm.window.period), alarm=alarm.name))
        recorded.append(_record(STATE, _SILENCE if alarm.name == SILENT else _state(alarm), alarm=alarm.name))
    recorded += [_record(STATE, _combined(each.rule), alarm=each.name) for each in alarms.composites]
    notifying: list[Alarm] = [*alarms.metric_alarms, *alarms.composites]
    alerts = [_alert(alarm) for alarm in notifying if alarm.notifies is not None]
    groups = (("nextitem-states", recorded), ("nextitem-alerts", alerts))
    return {"groups": [{"name": name, "interval": EVALUATED_EACH, "rules": each} for name, each in groups]}


def alert_name(alarm: Alarm) -> str:
    """Return the name of an alarm's alert."""
    return f"Nextitem{logical_id(alarm.name)}"


def meaning(alarm: Alarm) -> str:
    """Return what is wrong when an alarm's alert fires."""
    return _MEANINGS.get(alarm.name, alarm.meaning)


def _check(alarm: MetricAlarm) -> None:
    if alarm.name == SILENT:
        return
    if alarm.name in ONLY_IN_FUNCTIONS:
        raise NotExpressible(ONLY_IN_FUNCTIONS[alarm.name])
    promql(_inner(alarm), alarm.window.period)
    if alarm.missing.treatment == "breaching":
        raise NotExpressible("no value would have to count as a breach")
    if isinstance(alarm.expression, IfAtLeast):
        threshold = DEFAULTS[alarm.threshold.name] if isinstance(alarm.threshold, Parameter) else alarm.threshold
        if alarm.breaches(alarm.expression.otherwise, threshold):
            raise NotExpressible("too few observations would have to count as a breach")


def _inner(alarm: MetricAlarm) -> Any:
    return alarm.expression.expression if isinstance(alarm.expression, Band) else alarm.expression


def _state(alarm: MetricAlarm) -> str:
    """Write the state of a metric alarm over its recorded values."""
    watched = _series(WATCHED, alarm.name)
    window = alarm.window
    if isinstance(alarm.expression, Band):
        breach = _outside(alarm, watched, alarm.expression.width)
        return f"({breach}) and on (stack) {_enough(watched)}"
    sign = ">" if alarm.comparison == "GreaterThanThreshold" else "<"
    threshold = (
        f'scalar({PARAMETER}{{parameter="{alarm.threshold.name}"}})'
        if isinstance(alarm.threshold, Parameter)
        else f"{alarm.threshold:g}"
    )
    if window.periods == 1:
        return f"{watched} {sign} {threshold}"
    points = f"({watched} {sign} bool {threshold})[{duration(window.seconds)}:{duration(window.period)}]"
    return f"sum_over_time({points}) >= {window.breaching}"


def _outside(alarm: MetricAlarm, watched: str, width: float) -> str:
    """Write that all values of the window lie outside a band around the mean of the days before."""
    days, window = f"[{BAND_DAYS}d]", f"[{duration(alarm.window.seconds)}]"
    mean, spread = f"avg_over_time({watched}{days})", f"{width:g} * stddev_over_time({watched}{days})"
    below = f"max_over_time({watched}{window}) < {mean} - {spread}"
    if alarm.comparison == "LessThanLowerThreshold":
        return below
    return f"{below} or min_over_time({watched}{window}) > {mean} + {spread}"


def _enough(watched: str) -> str:
    return f"count_over_time({watched}[{BAND_DAYS}d]) >= {BAND_LEAST_DAYS * _VALUES_A_DAY}"


def _combined(rule: Rule) -> str:
    """Write the rule of a composite alarm over recorded states.

    Raises:
        NotExpressible: it is only a negation, which would be true of stacks that do not exist.
    """
    match rule:
        case InAlarm(name):
            return f"max by (stack) ({_series(STATE, name)})"
        case AnyOf(rules):
            return f"({' or '.join(map(_combined, rules))})"
        case AllOf(rules):
            positive = [_combined(part) for part in rules if not isinstance(part, Not)]
            negative = [_combined(part.rule) for part in rules if isinstance(part, Not)]
            if not positive:
                raise NotExpressible("it is only a negation")
            return f"({' unless '.join((' and '.join(positive), *negative))})"
        case Not():
            raise NotExpressible("it is only a negation")


def _alert(alarm: Alarm) -> dict[str, Any]:
    state = f"max by (stack) ({_series(STATE, alarm.name)})"
    alert: dict[str, Any] = {"alert": alert_name(alarm), "expr": state}
    if isinstance(alarm, CompositeAlarm) and alarm.suppressor:
        alert["expr"] = f"{state} unless max by (stack) ({_series(STATE, alarm.suppressor)})"
        alert["for"] = duration(SUPPRESSOR_WAIT)  # the cause may raise its alarm so much later
    if alarm.name == SILENT:
        alert["for"] = SILENT_FOR
    alert["labels"] = {"severity": alarm.notifies}
    alert["annotations"] = {
        "summary": f"{meaning(alarm)} (stack {{{{ $labels.stack }}}})",
        "runbook": f"{RUNBOOKS}/{alarm.runbook}.md",
    }
    return alert


def _record(name: str, expression: str, **labels: str) -> dict[str, Any]:
    return {"record": name, "expr": expression, "labels": labels}


def _series(name: str, alarm: str) -> str:
    return f'{name}{{alarm="{alarm}"}}'

"""Compute expressions and alarm states from measured values, as CloudWatch does from the same description.

Differences from CloudWatch: a missing data point is treated at once, while CloudWatch first looks for older ones;
anomaly detection and metrics of AWS services are not available.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal, Protocol

from observability.alarms.rules import is_true
from observability.alarms.types import Alarm, CompositeAlarm, MetricAlarm
from observability.metrics.expressions import (
    Band,
    Expression,
    Filled,
    IfAtLeast,
    Number,
    Parameter,
    Plus,
    Share,
    Stat,
    Times,
    statistics,
)
from observability.metrics.references import OwnMetric

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA", "NOT_EVALUATED"]


class Measurements(Protocol):
    """A source of measured values."""

    def statistic(self, stat: Stat, start: float, end: float) -> float | None:
        """Return a statistic of the values from `start` to before `end` (epoch seconds); None without values."""


@dataclass(frozen=True, slots=True)
class AlarmEvaluation:
    """The state of an alarm at a moment; `value` is its newest data point, None without data or for a composite."""

    alarm: Alarm
    state: State
    value: float | None = None


def evaluate_expression(expression: Expression, measurements: Measurements, start: float, end: float) -> float | None:
    """Return the value of an expression over a period; None where CloudWatch would have no data point."""

    def evaluate(part: Expression) -> float | None:
        return evaluate_expression(part, measurements, start, end)

    result: float | None = None
    match expression:
        case Stat():
            result = measurements.statistic(expression, start, end)
        case Filled(stat):
            result = evaluate(stat) or 0.0
        case Number(number):
            result = number
        case Plus(terms):
            result = _combine(sum, [evaluate(term) for term in terms])
        case Times(factors):
            result = _combine(prod, [evaluate(factor) for factor in factors])
        case Share(part, whole):
            numerator, denominator = evaluate(part), evaluate(whole)
            result = numerator / denominator if numerator is not None and denominator else None
        case IfAtLeast(guard, minimum, then, otherwise):
            guard_value = evaluate(guard)
            if guard_value is not None:
                result = evaluate(then) if guard_value >= minimum else otherwise
        case Parameter() | Band():
            pass  # only CloudWatch has them
    return result


def evaluate_alarm(
    alarm: MetricAlarm, measurements: Measurements, now: float, parameters: dict[str, float]
) -> AlarmEvaluation:
    """Evaluate a metric alarm at a moment.

    Args:
        alarm: the alarm.
        measurements: the values before that moment.
        now: epoch seconds.
        parameters: of the template, for thresholds.
    """
    if not _has_own_metrics(alarm):
        return AlarmEvaluation(alarm, "NOT_EVALUATED")
    threshold = parameters[alarm.threshold.name] if isinstance(alarm.threshold, Parameter) else alarm.threshold
    window, treatment = alarm.window, alarm.missing.treatment
    ends = [now - number * window.period for number in range(window.periods)]
    points = [evaluate_expression(alarm.expression, measurements, end - window.period, end) for end in ends]
    if all(point is None for point in points) and treatment in ("ignore", "missing"):
        return AlarmEvaluation(alarm, "INSUFFICIENT_DATA")
    breaching = [treatment == "breaching" if point is None else alarm.breaches(point, threshold) for point in points]
    return AlarmEvaluation(alarm, "ALARM" if sum(breaching) >= window.breaching else "OK", points[0])


def evaluate_alarms(
    alarms: Sequence[MetricAlarm],
    composites: Sequence[CompositeAlarm],
    measurements: Measurements,
    now: float,
    parameters: dict[str, float],
) -> list[AlarmEvaluation]:
    """Evaluate all alarms at a moment; each composite alarm must stand after those that its rule names."""
    evaluations = [evaluate_alarm(alarm, measurements, now, parameters) for alarm in alarms]
    in_alarm = {evaluation.alarm.name for evaluation in evaluations if evaluation.state == "ALARM"}
    for composite in composites:
        goes_off = is_true(composite.rule, in_alarm)
        if goes_off:
            in_alarm.add(composite.name)
        evaluations.append(AlarmEvaluation(composite, "ALARM" if goes_off else "OK"))
    return evaluations


def active_suppressor(alarm: Alarm, evaluations: Sequence[AlarmEvaluation]) -> str | None:
    """Return the name of the alarm that silences this one now, or None."""
    name = alarm.suppressor if isinstance(alarm, CompositeAlarm) else None
    is_active = any(each.alarm.name == name and each.state == "ALARM" for each in evaluations)
    return name if is_active else None


def _combine(combine: Callable[[list[float]], float], values: list[float | None]) -> float | None:
    """Combine values; None if one is missing."""
    known = [value for value in values if value is not None]
    return combine(known) if len(known) == len(values) else None


def _has_own_metrics(alarm: MetricAlarm) -> bool:
    """Return whether the alarm's first condition uses one of our metrics: those of AWS are not available here."""
    if isinstance(alarm.expression, Band):
        return False
    decisive = alarm.expression.guard if isinstance(alarm.expression, IfAtLeast) else alarm.expression
    return any(isinstance(stat.reference, OwnMetric) for stat in statistics(decisive))

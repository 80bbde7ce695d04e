"""Computes expressions and judges alarms over measured values, as CloudWatch would, from the same typed description.

Where it differs: missing data points are filled at once, while CloudWatch first looks for older ones; anomaly detection
is not computed; what AWS services emit is not there. Knows no log and no terminal.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal, Protocol

from observability.alarms.types import CompositeAlarm, MetricAlarm
from observability.metrics.expressions import (
    AtLeast,
    Band,
    Expression,
    Filled,
    Number,
    Parameter,
    Plus,
    Share,
    Stat,
    Times,
    statistics,
)
from observability.metrics.references import Emitted

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA", "NOT_EVALUATED"]


class Measured(Protocol):
    """What was measured."""

    def statistic(self, stat: Stat, start: float, end: float) -> float | None:
        """Return a statistic of the values from `start` on and before `end` (epoch seconds); None if there are none."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """An alarm's state, with the newest value that it was judged by (None: no data, or a composite alarm)."""

    alarm: MetricAlarm | CompositeAlarm
    state: State
    value: float | None = None


def value(expression: Expression, measured: Measured, start: float, end: float) -> float | None:
    """Return what an expression is worth over a period; None where CloudWatch would have no data point."""

    def of(part: Expression) -> float | None:
        return value(part, measured, start, end)

    result: float | None = None
    match expression:
        case Stat():
            result = measured.statistic(expression, start, end)
        case Filled(stat):
            result = of(stat) or 0.0
        case Number(number):
            result = number
        case Plus(terms):
            result = _combined(sum, [of(term) for term in terms])
        case Times(factors):
            result = _combined(prod, [of(factor) for factor in factors])
        case Share(part, whole):
            counted, total = of(part), of(whole)
            result = counted / total if counted is not None and total else None
        case AtLeast(guard, least, then, otherwise):
            reached = of(guard)
            if reached is not None:
                result = of(then) if reached >= least else otherwise
        case Parameter() | Band():
            pass  # CloudWatch alone knows
    return result


def judge(alarm: MetricAlarm, measured: Measured, now: float, parameters: dict[str, float]) -> Judgement:
    """Judge a metric alarm at a moment.

    Args:
        alarm: the alarm.
        measured: what was measured before.
        now: epoch seconds.
        parameters: the template's, for thresholds.
    """
    if not _is_evaluated(alarm):
        return Judgement(alarm, "NOT_EVALUATED")
    threshold = parameters[alarm.threshold.name] if isinstance(alarm.threshold, Parameter) else alarm.threshold
    ends = [now - periods * alarm.period for periods in range(alarm.periods)]
    points = [value(alarm.expression, measured, end - alarm.period, end) for end in ends]
    if all(point is None for point in points) and alarm.missing in ("ignore", "missing"):
        return Judgement(alarm, "INSUFFICIENT_DATA")
    breaching = [
        alarm.missing == "breaching" if point is None else alarm.breaches(point, threshold) for point in points
    ]
    return Judgement(alarm, "ALARM" if sum(breaching) >= alarm.breaching else "OK", points[0])


def judge_all(
    alarms: Sequence[MetricAlarm],
    composites: Sequence[CompositeAlarm],
    measured: Measured,
    now: float,
    parameters: dict[str, float],
) -> list[Judgement]:
    """Judge every alarm at a moment; composite alarms after those that they name."""
    judged = [judge(alarm, measured, now, parameters) for alarm in alarms]
    in_alarm = {one.alarm.name for one in judged if one.state == "ALARM"}
    for composite in composites:
        holds = composite.rule.holds(in_alarm)
        if holds:
            in_alarm.add(composite.name)
        judged.append(Judgement(composite, "ALARM" if holds else "OK"))
    return judged


def suppressor(alarm: MetricAlarm | CompositeAlarm, judged: Sequence[Judgement]) -> str | None:
    """Return the name of the alarm that keeps this one from notifying now, or None."""
    name = alarm.suppressor if isinstance(alarm, CompositeAlarm) else None
    return name if any(one.alarm.name == name and one.state == "ALARM" for one in judged) else None


def _combined(combine: Callable[[list[float]], float], values: list[float | None]) -> float | None:
    """Combine values; nothing comes of a value that is missing."""
    known = [one for one in values if one is not None]
    return combine(known) if len(known) == len(values) else None


def _is_evaluated(alarm: MetricAlarm) -> bool:
    """Whether what it watches is there without AWS: a metric of ours that need not be filled in for one of theirs."""
    if isinstance(alarm.expression, Band):
        return False
    watched = alarm.expression.guard if isinstance(alarm.expression, AtLeast) else alarm.expression
    return any(isinstance(stat.reference, Emitted) for stat in statistics(watched))

"""Metric math as values: rendered for CloudWatch by `rendering`, computed for devstack by `evaluation`.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
Only what our alarms and dashboards need. Knows neither of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from nextitem.telemetry.metrics import DimensionSet, Metric
from observability.metrics.references import Reference, check_emitted


@dataclass(frozen=True, slots=True)
class Stat:
    """A statistic of a metric over a period: Sum, Average, Minimum, Maximum, SampleCount, or a percentile, p95."""

    reference: Reference
    statistic: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A statistic, 0 where there is no data."""

    of: Stat


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that the template's user gives; nothing knows it here."""

    name: str


@dataclass(frozen=True, slots=True)
class Plus:
    """The sum of terms."""

    terms: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Times:
    """The product of factors."""

    factors: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole; no data where the whole is 0."""

    part: "Expression"
    whole: "Expression"


@dataclass(frozen=True, slots=True)
class AtLeast:
    """`then` where `guard` reaches `least`, else a constant: few observations say nothing."""

    guard: "Expression"
    least: float
    then: "Expression"
    otherwise: float = 0.0


@dataclass(frozen=True, slots=True)
class Band:
    """What CloudWatch's anomaly detection expects of an expression, so many standard deviations wide."""

    of: "Expression"
    width: float


Expression = Stat | Filled | Number | Parameter | Plus | Times | Share | AtLeast | Band


@dataclass(frozen=True, slots=True)
class Search:
    """A statistic of each metric found in a dimension set of ours: one line for each version, on dashboards only.

    Raises:
        NotEmitted: the metric is not emitted in that set.
    """

    metric: Metric
    dimension_set: DimensionSet
    statistic: str

    def __post_init__(self) -> None:
        check_emitted(self.metric, self.dimension_set)


def statistics(expression: Expression) -> tuple[Stat, ...]:
    """Return the statistics that an expression is computed from, each once, in order of appearance."""
    return tuple(dict.fromkeys(_walk(expression)))


def _walk(expression: Expression) -> Iterator[Stat]:
    match expression:
        case Stat():
            yield expression
        case Filled(of):
            yield of
        case Plus(parts) | Times(parts):
            for part in parts:
                yield from _walk(part)
        case Share(part, whole):
            yield from _walk(part)
            yield from _walk(whole)
        case AtLeast(guard, _, then):
            yield from _walk(guard)
            yield from _walk(then)
        case Band(of):
            yield from _walk(of)
        case Number() | Parameter():
            return

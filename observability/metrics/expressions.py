"""Metric math as values: `rendering.queries` writes it for CloudWatch, `alarms.evaluation` computes it for devstack.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
It covers only what our alarms and dashboards need. A share of slow requests, 0 while there are fewer than ten:

    IfAtLeast(Stat(OwnMetric(SLOW), "Sum"), 10, Share(Stat(OwnMetric(SLOW), "Sum"), Stat(OwnMetric(REQUESTS), "Sum")))
"""

from collections.abc import Iterator
from dataclasses import dataclass

from nextitem.telemetry.metrics import DimensionSet, Metric
from observability.metrics.references import MetricReference, check_emitted


@dataclass(frozen=True, slots=True)
class Stat:
    """A statistic of a metric over a period: Sum, Average, Minimum, Maximum, SampleCount, or a percentile, p95."""

    reference: MetricReference
    statistic: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A statistic, 0 where there is no data."""

    stat: Stat


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that is a parameter of the template."""

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
class IfAtLeast:
    """`then` where `guard` is at least `minimum`, else a constant: a share of few observations means nothing."""

    guard: "Expression"
    minimum: float
    then: "Expression"
    otherwise: float = 0.0


@dataclass(frozen=True, slots=True)
class Band:
    """The values of an expression that CloudWatch's anomaly detection expects; `width` is in standard deviations."""

    expression: "Expression"
    width: float


Expression = Stat | Filled | Number | Parameter | Plus | Times | Share | IfAtLeast | Band


@dataclass(frozen=True, slots=True)
class Search:
    """A statistic of a metric for every value of a dimension set: one line for each version. For dashboards only.

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
        case Filled(stat):
            yield stat
        case Plus(parts) | Times(parts):
            for part in parts:
                yield from _walk(part)
        case Share(part, whole):
            yield from _walk(part)
            yield from _walk(whole)
        case IfAtLeast(guard, _, then):
            yield from _walk(guard)
            yield from _walk(then)
        case Band(inner):
            yield from _walk(inner)
        case Number() | Parameter():
            return

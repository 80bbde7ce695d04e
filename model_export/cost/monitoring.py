"""How much of what is emitted and watched CloudWatch bills: each value of a dimension is a metric of its own."""

from dataclasses import dataclass

from nextitem.telemetry.metrics import BY_SOURCE, BY_VERSION, METRICS, OVERALL, DimensionSet
from observability.alarm_types import MetricAlarm
from observability.alarms import ALARMS, COMPOSITES
from observability.expressions import Band, statistics
from observability.indicators import SOURCES
from observability.prices import ALARM_METRIC_MONTH, COMPOSITE_ALARM_MONTH, CUSTOM_METRIC_MONTH

_BAND_METRICS = 2
"""The band's lower and upper edge."""


@dataclass(frozen=True, slots=True)
class MonitoringCost:
    """US dollars a month, dashboards apart.

    Attributes:
        metrics: custom metrics.
        alarms: metric alarms that exist whatever the store is, and composite ones.
    """

    metrics: float
    alarms: float


def billed_metrics(versions: int = 1, sources: int = len(SOURCES)) -> int:
    """Return how many custom metrics a month holds at most, those included that not every request has.

    Args:
        versions: pairs of a model version and a variant that answered in the month.
        sources: values of `served_by` that did.
    """
    values: dict[DimensionSet, int] = {OVERALL: 1, BY_VERSION: versions, BY_SOURCE: sources}
    return sum(values[dimension_set] for metric in METRICS for dimension_set in metric.sets)


def alarm_metrics(alarm: MetricAlarm) -> int:
    """Return for how many metrics an alarm is billed."""
    return len(statistics(alarm.expression)) + (_BAND_METRICS if isinstance(alarm.expression, Band) else 0)


def monitoring_cost(versions: int = 1, sources: int = len(SOURCES)) -> MonitoringCost:
    """Return what metrics and alarms cost; arguments as of `billed_metrics`."""
    watched = sum(alarm_metrics(alarm) for alarm in ALARMS if alarm.condition is None)
    return MonitoringCost(
        metrics=billed_metrics(versions, sources) * CUSTOM_METRIC_MONTH,
        alarms=watched * ALARM_METRIC_MONTH + len(COMPOSITES) * COMPOSITE_ALARM_MONTH,
    )

"""Compute the monthly cost of metrics and alarms: each value of a dimension is a metric of its own."""

from dataclasses import dataclass

from model_export.cost.prices import ALARM_METRIC_MONTH, COMPOSITE_ALARM_MONTH, CUSTOM_METRIC_MONTH
from nextitem.telemetry.metrics import (
    BY_PLACEMENT,
    BY_SOURCE,
    BY_VERSION,
    LEARNING_METRICS,
    METRICS,
    OVERALL,
    DimensionSet,
)

SOURCES = 5
"""Values of `served_by`: session, stateless, popular, similar and trending."""
ALARM_METRICS = 81
"""Metrics that the alarms of `observability` watch, without those that exist for one kind of store only."""
COMPOSITE_ALARMS = 8
LEARNING_ALARM_METRICS, LEARNING_COMPOSITE_ALARMS = 12, 2
"""Those that exist with the learning loop only."""


@dataclass(frozen=True, slots=True)
class MonitoringCost:
    """US dollars a month, without dashboards.

    Attributes:
        metrics: custom metrics.
        alarms: metric alarms that exist with every kind of store, and composite alarms.
    """

    metrics: float
    alarms: float


def billed_metrics(versions: int = 1, sources: int = SOURCES, placements: int = 0) -> int:
    """Return the maximum number of custom metrics in a month, with those that only some requests have.

    Args:
        versions: pairs of a model version and a variant that answered in the month.
        sources: values of `served_by` that occurred.
        placements: placements that are a dimension of metrics.
    """
    values: dict[DimensionSet, int] = {
        OVERALL: 1,
        BY_VERSION: versions,
        BY_SOURCE: sources,
        BY_PLACEMENT: placements,
    }
    return sum(values[dimension_set] for metric in METRICS for dimension_set in metric.sets)


def learning_monitoring_cost(versions: int = 1) -> MonitoringCost:
    """Return the cost of the learning loop's metrics and alarms; the argument is that of `billed_metrics`."""
    values: dict[DimensionSet, int] = {OVERALL: 1, BY_VERSION: versions}
    metrics = sum(values[dimension_set] for metric in LEARNING_METRICS for dimension_set in metric.sets)
    return MonitoringCost(
        metrics=metrics * CUSTOM_METRIC_MONTH,
        alarms=LEARNING_ALARM_METRICS * ALARM_METRIC_MONTH + LEARNING_COMPOSITE_ALARMS * COMPOSITE_ALARM_MONTH,
    )


def monitoring_cost(versions: int = 1, sources: int = SOURCES) -> MonitoringCost:
    """Return the cost of metrics and alarms; the arguments are those of `billed_metrics`."""
    return MonitoringCost(
        metrics=billed_metrics(versions, sources) * CUSTOM_METRIC_MONTH,
        alarms=ALARM_METRICS * ALARM_METRIC_MONTH + COMPOSITE_ALARMS * COMPOSITE_ALARM_MONTH,
    )

"""The tables of docs/monitoring.md, and the counts behind the cost of monitoring."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from model_export.cost.monitoring import (
    ALARM_METRICS,
    COMPOSITE_ALARMS,
    LEARNING_ALARM_METRICS,
    LEARNING_COMPOSITE_ALARMS,
    billed_metrics,
)
from model_export.cost.monitoring import SOURCES as COUNTED_SOURCES
from nextitem.service import schema
from nextitem.telemetry import metrics
from nextitem.telemetry.serializer import serialize
from observability.__main__ import PAGES, with_all_tables
from observability.alarms.catalogue import ALARMS, COMPOSITES
from observability.alarms.types import MetricAlarm
from observability.dashboards.widgets import BadGraph, Graph, Line
from observability.metrics.expressions import Band, Stat, statistics
from observability.metrics.indicators import SOURCES
from observability.metrics.references import OwnMetric


def billed(records: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Return what CloudWatch bills for records: each metric with each combination of dimension values."""
    return {
        (metric["Name"], json.dumps({name: record[name] for name in names}))
        for record in records
        for directive in record["_aws"]["CloudWatchMetrics"]
        for names in directive["Dimensions"]
        for metric in directive["Metrics"]
    }


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_is_up_to_date(path: Path) -> None:
    page = path.read_text()
    assert with_all_tables(page) == page, "run `make observability`"


def test_an_unknown_table_is_an_error() -> None:
    with pytest.raises(KeyError, match="tea"):
        with_all_tables("<!-- table: tea -->\n<!-- end -->")


@pytest.mark.parametrize(("versions", "sources"), [(1, 1), (1, 3), (2, 3), (5, 2)])
def test_billed_metrics_are_those_of_the_records(versions: int, sources: int) -> None:
    values = dict.fromkeys((metric.name for metric in metrics.METRICS), 1.0)
    records = [
        json.loads(
            serialize(
                {
                    "stack": "shop",
                    "model_version": f"v{version}",
                    "variant": "main",
                    "served_by": SOURCES[source],
                },
                values,
                {},
            )
        )
        for version in range(versions)
        for source in range(sources)
    ]
    assert len(billed(records)) == billed_metrics(versions, sources)


def test_the_cost_counts_the_alarms_that_exist() -> None:
    def watched(alarm: MetricAlarm) -> int:
        band_edges = 2 if isinstance(alarm.expression, Band) else 0
        return len(statistics(alarm.expression)) + band_edges

    def counted(condition: str | None) -> tuple[int, int]:
        return (
            sum(watched(alarm) for alarm in ALARMS if alarm.condition == condition),
            len([alarm for alarm in COMPOSITES if alarm.condition == condition]),
        )

    assert counted(None) == (ALARM_METRICS, COMPOSITE_ALARMS)
    assert counted("LearningIsScheduled") == (LEARNING_ALARM_METRICS, LEARNING_COMPOSITE_ALARMS)


def test_sources_are_those_of_the_api() -> None:
    assert get_args(schema.ServedBy) == SOURCES
    assert len(SOURCES) == COUNTED_SOURCES


@pytest.mark.parametrize("metric", [metrics.TOP_SCORE, metrics.SCORE_SPREAD])
def test_a_percentile_of_a_metric_that_may_be_negative_is_refused(metric: metrics.Metric) -> None:
    with pytest.raises(BadGraph, match=metric.name):
        Graph(title="scores", lines=(Line("p50", Stat(OwnMetric(metric), "p50")),))

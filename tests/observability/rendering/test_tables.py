"""docs/monitoring.md, billing and indicators hold what the code does."""

import json
import re
from typing import Any, get_args

import pytest

from model_export.cost.monitoring import ALARM_METRICS, COMPOSITE_ALARMS, billed_metrics, monitoring_cost
from model_export.cost.monitoring import SOURCES as COUNTED_SOURCES
from nextitem.service import schema
from nextitem.telemetry import metrics
from nextitem.telemetry.serializer import serialize
from observability.__main__ import PAGE
from observability.alarms.catalogue import ALARMS, COMPOSITES
from observability.alarms.types import MetricAlarm
from observability.dashboards.widgets import BadGraph, Graph, Line
from observability.metrics.expressions import Band, Stat, statistics
from observability.metrics.indicators import INDICATORS, SOURCES
from observability.metrics.references import Emitted
from observability.rendering.tables import with_tables


def billed(records: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """What CloudWatch would bill of records: each metric with each combination of dimensions' values."""
    return {
        (metric["Name"], json.dumps({name: record[name] for name in names}))
        for record in records
        for directive in record["_aws"]["CloudWatchMetrics"]
        for names in directive["Dimensions"]
        for metric in directive["Metrics"]
    }


def test_the_page_s_tables_are_written_by_the_command() -> None:
    page = PAGE.read_text()
    assert with_tables(page) == page, "`make observability` writes them anew"
    for name in (*(each.name for each in ALARMS if "-burn-" not in each.name), *(each.name for each in COMPOSITES)):
        assert f"| `{name}` |" in page


def test_a_table_that_there_is_not_is_an_error() -> None:
    with pytest.raises(KeyError, match="tea"):
        with_tables("<!-- table: tea -->\n<!-- end -->")


@pytest.mark.parametrize(("versions", "sources"), [(1, 1), (1, 3), (2, 3), (5, 2)])
def test_billed_metrics_are_those_that_records_make(versions: int, sources: int) -> None:
    # GIVEN records with every metric, by so many versions and from so many sources
    values = dict.fromkeys((metric.name for metric in metrics.METRICS), 1.0)
    records = [
        json.loads(
            serialize(
                {
                    "service": "nextitem",
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

    # THEN they are as many metrics as the cost sheet says
    assert len(billed(records)) == billed_metrics(versions, sources)


def test_cost_grows_by_what_is_emitted_by_version() -> None:
    by_version = sum(metrics.BY_VERSION in metric.sets for metric in metrics.METRICS)
    assert monitoring_cost(3).metrics - monitoring_cost(2).metrics == pytest.approx(by_version * 0.30)
    assert monitoring_cost(3).alarms == monitoring_cost(2).alarms


def test_the_cost_counts_the_alarms_that_exist() -> None:
    def watched(alarm: MetricAlarm) -> int:
        band_edges = 2 if isinstance(alarm.expression, Band) else 0
        return len(statistics(alarm.expression)) + band_edges

    assert sum(watched(alarm) for alarm in ALARMS if alarm.condition is None) == ALARM_METRICS
    assert len(COMPOSITES) == COMPOSITE_ALARMS


def test_sources_are_those_of_the_api() -> None:
    assert get_args(schema.ServedBy) == SOURCES
    assert len(SOURCES) == COUNTED_SOURCES


def test_indicators_are_what_was_asked_for() -> None:
    names = {indicator.name for indicator in INDICATORS}
    assert {
        "latency_p95",
        "latency_p99",
        "slow_share",
        "failed_share",
        "served_by_session",
        "cold_start_share",
        "restore_p95",
        "store_fault_share",
        "throttle_share",
        "hit_rate",
        "click_rate",
    } <= names
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in names)
    # AND what users feel, and what models are judged by, is told of each version
    by_version = {indicator.name for indicator in INDICATORS if indicator.by_version}
    assert {"latency_p95", "latency_p99", "slow_share", "hit_rate", "click_rate"} <= by_version


@pytest.mark.parametrize("metric", [metrics.TOP_SCORE, metrics.SCORE_SPREAD])
def test_a_percentile_of_what_may_be_negative_cannot_be_drawn(metric: metrics.Metric) -> None:
    with pytest.raises(BadGraph, match=metric.name):
        Graph(title="scores", lines=(Line("p50", Stat(Emitted(metric), "p50")),))

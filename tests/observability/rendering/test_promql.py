"""Expressions become queries of Prometheus, or are refused with the reason."""

import pytest

from nextitem.telemetry import metrics
from nextitem.telemetry.metrics import BY_PLACEMENT, BY_SOURCE, BY_VERSION
from observability.metrics import aws_metrics
from observability.metrics.expressions import Band, Expression, Filled, IfAtLeast, Number, Plus, Search, Share, Stat
from observability.metrics.indicators import FAILED, HIT_RATE, LATENCY_P99, REQUESTS, served_by, total
from observability.metrics.references import OwnMetric
from observability.rendering.promql import NotExpressible, duration, promql, search_promql

ALL = "sum by (stack) (increase(nextitem_requests_total[5m]))"


@pytest.mark.parametrize(
    ("expression", "query"),
    [
        (REQUESTS, ALL),
        (Share(total(metrics.SLOW), REQUESTS), f"({ALL.replace('requests', 'slow')} / ({ALL} > 0))"),
        (
            LATENCY_P99.expression,
            "1000 * histogram_quantile(0.99, sum by (stack, le) (rate(nextitem_total_seconds_bucket[5m])))",
        ),
        (
            Filled(served_by("popular")),
            f'({ALL.replace("total[", """total{served_by="popular"}[""")} or 0 * {ALL})',
        ),
        (FAILED, ALL.replace("requests", "server_errors")),
        (IfAtLeast(REQUESTS, 10, Number(3)), f"(3 and {ALL} >= 10)"),
        (
            Stat(OwnMetric(metrics.RESTORE), "Average"),
            (
                "(1000 * sum by (stack) (increase(nextitem_restore_seconds_sum[5m]))"
                " / (sum by (stack) (increase(nextitem_restore_seconds_count[5m])) > 0))"
            ),
        ),
    ],
)
def test_an_expression_is_written_by_stack(expression: Expression, query: str) -> None:
    assert promql(expression, 300) == query


def test_an_average_of_a_count_is_per_record_that_has_it() -> None:
    hits = search_promql(Search(metrics.HITS, BY_VERSION, "Average"), 3600, 'stack="shop"')

    selected = '{stack="shop",variant!=""}[1h]'
    by = "sum by (stack, model_version, variant)"
    assert hits == (
        f"({by} (increase(nextitem_hits_20_total{selected})) / ({by} (increase(nextitem_labels_total{selected})) > 0))"
    )


def test_a_sum_that_falls_is_no_counter() -> None:
    query = promql(Stat(OwnMetric(metrics.TOP_SCORE), "Average"), 60)

    assert "increase" not in query
    assert query.count("unless resets(nextitem_top_score_count[1m]) > 0") == 2


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        (Stat(aws_metrics.THROTTLES, "Sum"), "AWS/Lambda Throttles is a metric of AWS"),
        (Plus((Filled(Stat(aws_metrics.ERRORS, "Sum")),)), "a sum of AWS metrics"),
        (Stat(OwnMetric(metrics.DRIFT_PSI), "Maximum"), "the learning loop"),
        (Stat(OwnMetric(metrics.TOP_SCORE), "Minimum"), "no Minimum of a summary"),
        (Stat(OwnMetric(metrics.REPLAYED), "p95"), "no p95 of a counter"),
        (Stat(OwnMetric(metrics.UNKNOWN), "Average"), "nothing counts the records"),
        (Band(HIT_RATE.expression, 3), "Band is CloudWatch's"),
    ],
)
def test_what_prometheus_cannot_compute_is_refused_with_the_reason(expression: Expression, reason: str) -> None:
    with pytest.raises(NotExpressible, match=reason):
        promql(expression, 300)


def test_clicks_by_placement_have_no_average_but_a_sum() -> None:
    with pytest.raises(NotExpressible, match="clicks by stack, placement"):
        search_promql(Search(metrics.CLICKS, BY_PLACEMENT, "Average"), 300)

    assert 'placement!=""' in search_promql(Search(metrics.CLICKS, BY_PLACEMENT, "Sum"), 300)
    assert 'served_by!=""' in search_promql(Search(metrics.REQUESTS, BY_SOURCE, "Sum"), 300)


def test_durations_are_written_in_their_largest_unit() -> None:
    assert [duration(seconds) for seconds in (60, 900, 3_600, 259_200, 90)] == ["1m", "15m", "1h", "3d", "90s"]

"""Expressions in CloudWatch's notation."""

from nextitem.telemetry import metrics
from nextitem.telemetry.metrics import BY_VERSION
from observability.dashboards.widgets import Line
from observability.metrics import aws_metrics
from observability.metrics.expressions import (
    AtLeast,
    Band,
    Expression,
    Filled,
    Number,
    Parameter,
    Plus,
    Search,
    Share,
    Stat,
    Times,
    statistics,
)
from observability.metrics.references import Emitted
from observability.rendering.queries import alarm_queries, expression_text, graph_metrics, search_text

SLOW = Stat(Emitted(metrics.SLOW), "Sum")
REQUESTS = Stat(Emitted(metrics.REQUESTS), "Sum")
ERRORS = Stat(aws_metrics.ERRORS, "Sum")
OUR_DIMENSIONS = [{"Name": "service", "Value": "nextitem"}]


def text(expression: Expression) -> str:
    return expression_text(expression, {stat: stat.reference.name for stat in statistics(expression)})


def test_each_kind_of_expression_is_written() -> None:
    assert text(Share(SLOW, REQUESTS)) == "(slow / requests)"
    assert text(Plus((Filled(ERRORS), SLOW))) == "(FILL(Errors, 0) + slow)"
    assert text(AtLeast(SLOW, 10, Share(SLOW, REQUESTS))) == "IF(slow >= 10, (slow / requests), 0)"
    assert text(AtLeast(SLOW, 10, SLOW, otherwise=1)) == "IF(slow >= 10, slow, 1)"
    assert text(Band(SLOW, 3)) == "ANOMALY_DETECTION_BAND(slow, 3)"
    assert text(Times((SLOW, Number(0.0000166667), Parameter("MemorySize")))) == "(slow * 0.0000166667 * ${MemorySize})"
    assert [text(Number(value)) for value in (1, -1, 0.5, 1_024_000, 0)] == ["1", "-1", "0.5", "1024000", "0"]


def test_an_alarm_watches_one_expression_over_statistics_of_one_period() -> None:
    # WHEN a ratio is written for an alarm
    watched, *queries = alarm_queries(AtLeast(SLOW, 10, Share(SLOW, REQUESTS)), 300)

    # THEN the expression is what is returned, over each statistic once
    assert watched == {"Id": "watched", "Expression": "IF(m1 >= 10, (m1 / m2), 0)", "ReturnData": True}
    assert queries == [
        {
            "Id": name,
            "MetricStat": {
                "Metric": {"Namespace": "nextitem", "MetricName": metric, "Dimensions": OUR_DIMENSIONS},
                "Period": 300,
                "Stat": "Sum",
            },
            "ReturnData": False,
        }
        for name, metric in (("m1", "slow"), ("m2", "requests"))
    ]


def test_a_band_and_what_it_is_about_are_both_returned() -> None:
    for expression, returned in ((SLOW, "m1"), (Share(SLOW, REQUESTS), "watched")):
        queries = alarm_queries(Band(expression, 2), 300)
        assert {query["Id"] for query in queries if query["ReturnData"]} == {returned, "band"}
        assert queries[-1]["Expression"] == f"ANOMALY_DETECTION_BAND({returned}, 2)"


def test_a_graph_hides_what_a_line_is_computed_from_and_shows_what_is_drawn_too() -> None:
    # WHEN a statistic is drawn, and used in another line
    drawn = graph_metrics((Line("slow share", Share(SLOW, REQUESTS)), Line("slow", SLOW)))

    # THEN it is there once and visible, and the other is hidden
    assert drawn == [
        [{"expression": "(m1 / m2)", "id": "e1", "label": "slow share"}],
        ["nextitem", "slow", "service", "nextitem", {"stat": "Sum", "id": "m1", "label": "slow"}],
        ["nextitem", "requests", "service", "nextitem", {"stat": "Sum", "id": "m2", "visible": False}],
    ]


def test_a_search_names_the_whole_dimension_set() -> None:
    assert search_text(Search(metrics.TOTAL, BY_VERSION, "p95")) == (
        "SEARCH('{nextitem,service,model_version,variant} MetricName=\"total_ms\" service=\"nextitem\"', 'p95')"
    )

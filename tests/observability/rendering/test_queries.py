"""Expressions in CloudWatch's notation."""

from nextitem.telemetry import metrics
from nextitem.telemetry.metrics import BY_VERSION
from observability.dashboards.widgets import Line
from observability.metrics import aws_metrics
from observability.metrics.expressions import (
    Band,
    Expression,
    Filled,
    IfAtLeast,
    Number,
    Parameter,
    Plus,
    Search,
    Share,
    Stat,
    Times,
    statistics,
)
from observability.metrics.references import OwnMetric
from observability.rendering.queries import alarm_queries, expression_text, graph_metrics, search_text

SLOW = Stat(OwnMetric(metrics.SLOW), "Sum")
REQUESTS = Stat(OwnMetric(metrics.REQUESTS), "Sum")
ERRORS = Stat(aws_metrics.ERRORS, "Sum")
OUR_DIMENSIONS = [{"Name": "stack", "Value": {"Fn::Sub": "${StackName}"}}]


def text(expression: Expression) -> str:
    return expression_text(expression, {stat: stat.reference.name for stat in statistics(expression)})


def test_each_kind_of_expression() -> None:
    assert text(Share(SLOW, REQUESTS)) == "(slow / requests)"
    assert text(Plus((Filled(ERRORS), SLOW))) == "(FILL(Errors, 0) + slow)"
    assert text(IfAtLeast(SLOW, 10, Share(SLOW, REQUESTS))) == "IF(slow >= 10, (slow / requests), 0)"
    assert text(IfAtLeast(SLOW, 10, SLOW, otherwise=1)) == "IF(slow >= 10, slow, 1)"
    assert text(Band(SLOW, 3)) == "ANOMALY_DETECTION_BAND(slow, 3)"
    assert text(Times((SLOW, Number(0.0000166667), Parameter("MemorySize")))) == "(slow * 0.0000166667 * ${MemorySize})"
    assert [text(Number(value)) for value in (1, -1, 0.5, 1_024_000, 0)] == ["1", "-1", "0.5", "1024000", "0"]


def test_an_alarm_returns_one_expression_over_its_statistics() -> None:
    watched, *queries = alarm_queries(IfAtLeast(SLOW, 10, Share(SLOW, REQUESTS)), 300)
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


def test_a_band_is_returned_with_its_expression() -> None:
    for expression, returned in ((SLOW, "m1"), (Share(SLOW, REQUESTS), "watched")):
        queries = alarm_queries(Band(expression, 2), 300)
        assert {query["Id"] for query in queries if query["ReturnData"]} == {returned, "band"}
        assert queries[-1]["Expression"] == f"ANOMALY_DETECTION_BAND({returned}, 2)"


def test_a_graph_hides_statistics_that_only_an_expression_uses() -> None:
    drawn = graph_metrics((Line("slow share", Share(SLOW, REQUESTS)), Line("slow", SLOW)))
    assert drawn == [
        [{"expression": "(m1 / m2)", "id": "e1", "label": "slow share"}],
        ["nextitem", "slow", "stack", "${StackName}", {"stat": "Sum", "id": "m1", "label": "slow"}],
        ["nextitem", "requests", "stack", "${StackName}", {"stat": "Sum", "id": "m2", "visible": False}],
    ]


def test_a_search_names_its_whole_dimension_set() -> None:
    assert search_text(Search(metrics.TOTAL, BY_VERSION, "p95")) == (
        "SEARCH('{nextitem,stack,model_version,variant} MetricName=\"total_ms\" stack=\"${StackName}\"', 'p95')"
    )

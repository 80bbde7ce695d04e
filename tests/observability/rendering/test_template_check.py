"""The check reads a rendered template and finds what nobody emits, wherever it is planted."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from nextitem.telemetry.metrics import METRICS, NAMESPACE
from observability.metrics.aws_metrics import AWS_METRICS
from observability.rendering.template_check import metrics_of, unknown_metrics

TEMPLATE = Path(__file__).parents[3] / "observability" / "observability.yaml"
WATCHED = "StoreDownAlarm"
PLAIN = "RestoreSlowAlarm"
SEARCH_BY_SOURCE = "SEARCH('{nextitem,service,served_by} MetricName=\"slow\" service=\"nextitem\"', 'Sum')"


@pytest.fixture
def template() -> Any:
    """The committed template, free to be changed."""
    return copy.deepcopy(yaml.safe_load(TEMPLATE.read_text()))


def found(template: Any) -> list[tuple[str, str]]:
    return [(each.where.split(":")[0], each.name) for each in unknown_metrics(template)]


def plant(template: Any, entry: list[Any], dashboard: str = "DebugDashboard") -> None:
    """Put an entry on the last graph of a dashboard that has one body."""
    body = template["Resources"][dashboard]["Properties"]["DashboardBody"]
    parsed = json.loads(body["Fn::Sub"])
    parsed["widgets"][-1]["properties"]["metrics"].append(entry)
    body["Fn::Sub"] = json.dumps(parsed)


def test_everything_that_is_deployed_is_emitted(template: Any) -> None:
    assert unknown_metrics(template) == []


def test_what_is_billed_is_looked_at(template: Any) -> None:
    # GIVEN each metric in each of its dimension sets, all of them billed; and what was listed of AWS
    billed = {(metric.name, dimension_set) for metric in METRICS for dimension_set in metric.sets}
    listed = {(metric.name, tuple(name for name, _ in metric.dimensions)) for metric in AWS_METRICS}

    # THEN an alarm watches it or a dashboard shows it
    shown = {(each.name, tuple(name for name, _ in each.dimensions)) for each in metrics_of(template)}
    assert (billed | listed) - shown == set()


def test_it_looks_everywhere(template: Any) -> None:
    # GIVEN what has metrics
    having = {
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard")
    }

    # THEN metrics of all of it are looked at, ours and those of AWS
    assert {each.where.split(":")[0] for each in metrics_of(template)} == having
    assert {each.namespace for each in metrics_of(template)} == {
        NAMESPACE,
        "AWS/Lambda",
        "AWS/ApiGateway",
        "AWS/ElastiCache",
        "AWS/Logs",
    }


def test_an_alarm_on_a_metric_that_nobody_emits_is_found(template: Any) -> None:
    template["Resources"][WATCHED]["Properties"]["Metrics"][1]["MetricStat"]["Metric"]["MetricName"] = "store_failures"
    template["Resources"][PLAIN]["Properties"]["MetricName"] = "restore_seconds"
    assert found(template) == [(WATCHED, "store_failures"), (PLAIN, "restore_seconds")]


def test_an_alarm_in_dimensions_that_it_is_not_emitted_in_is_found(template: Any) -> None:
    metric = template["Resources"][WATCHED]["Properties"]["Metrics"][1]["MetricStat"]["Metric"]
    metric["Dimensions"].append({"Name": "served_by", "Value": "session"})
    assert found(template) == [(WATCHED, "store_faults")]


def test_an_alarm_on_another_service_is_found(template: Any) -> None:
    template["Resources"][PLAIN]["Properties"]["Dimensions"] = [{"Name": "service", "Value": "elsewhere"}]
    assert found(template) == [(PLAIN, "restore_ms")]


def test_an_alarm_on_a_metric_of_aws_that_is_not_listed_is_found(template: Any) -> None:
    template["Resources"]["ThrottledAlarm"]["Properties"]["MetricName"] = "Throttled"
    assert found(template) == [("ThrottledAlarm", "Throttled")]


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ([NAMESPACE, "tea_ms", "service", "nextitem", {"stat": "p95"}], "tea_ms"),
        ([NAMESPACE, "cold_start", "service", "nextitem", "model_version", "v1", "variant", "main", {}], "cold_start"),
        ([NAMESPACE, "requests", {"stat": "Sum"}], "requests"),
        (["AWS/Lambda", "Errors", "FunctionName", "elsewhere", {}], "Errors"),
        (
            [{"expression": SEARCH_BY_SOURCE}],
            "slow",
        ),
        ([{"expression": "SEARCH('tea', 'Sum')"}], "SEARCH('tea', 'Sum')"),
    ],
)
def test_a_graph_of_what_nobody_emits_is_found(template: Any, entry: list[Any], name: str) -> None:
    plant(template, entry)
    assert found(template) == [("DebugDashboard", name)]


def test_a_graph_that_is_there_under_one_condition_only_is_looked_at(template: Any) -> None:
    body = template["Resources"]["OnCallDashboard"]["Properties"]["DashboardBody"]
    _, serverless, nodes = body["Fn::If"]
    nodes["Fn::Sub"] = nodes["Fn::Sub"].replace("EngineCPUUtilization", "EngineUtilization")
    assert set(found(template)) == {("OnCallDashboard", "EngineUtilization")}
    assert "EngineCPUUtilization" not in serverless["Fn::Sub"]

"""The check finds metrics that are not emitted, in alarms and in dashboards."""

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
SEARCH_BY_SOURCE = "SEARCH('{nextitem,stack,served_by} MetricName=\"slow\" stack=\"${StackName}\"', 'Sum')"


@pytest.fixture(scope="module")
def committed() -> Any:
    """The committed template: YAML of its size takes 0.1 s to parse."""
    return yaml.safe_load(TEMPLATE.read_text())


@pytest.fixture
def template(committed: Any) -> Any:
    """A copy of the committed template, to be changed."""
    return copy.deepcopy(committed)


def unknown(template: Any) -> list[tuple[str, str]]:
    return [(each.where.split(":")[0], each.name) for each in unknown_metrics(template)]


def plant(template: Any, entry: list[Any], dashboard: str = "DebugDashboard") -> None:
    """Add an entry to the last graph of a dashboard that has one body."""
    body = template["Resources"][dashboard]["Properties"]["DashboardBody"]
    parsed = json.loads(body["Fn::Sub"])
    parsed["widgets"][-1]["properties"]["metrics"].append(entry)
    body["Fn::Sub"] = json.dumps(parsed)


def test_all_deployed_metrics_are_emitted(template: Any) -> None:
    assert unknown_metrics(template) == []


def test_all_billed_and_listed_metrics_are_used(template: Any) -> None:
    billed = {(metric.name, dimension_set) for metric in METRICS for dimension_set in metric.sets}
    listed = {(metric.name, tuple(name for name, _ in metric.dimensions)) for metric in AWS_METRICS}
    shown = {(each.name, tuple(name for name, _ in each.dimensions)) for each in metrics_of(template)}
    assert (billed | listed) - shown == set()


def test_the_check_covers_every_alarm_and_dashboard(template: Any) -> None:
    having = {
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard")
    }
    assert {each.where.split(":")[0] for each in metrics_of(template)} == having
    assert {each.namespace for each in metrics_of(template)} == {
        NAMESPACE,
        "AWS/Lambda",
        "AWS/ApiGateway",
        "AWS/ElastiCache",
        "AWS/Logs",
        "AWS/States",
    }


def test_an_unknown_metric_of_an_alarm(template: Any) -> None:
    template["Resources"][WATCHED]["Properties"]["Metrics"][1]["MetricStat"]["Metric"]["MetricName"] = "store_failures"
    template["Resources"][PLAIN]["Properties"]["MetricName"] = "restore_seconds"
    assert unknown(template) == [(WATCHED, "store_failures"), (PLAIN, "restore_seconds")]


def test_unknown_dimensions_of_an_alarm(template: Any) -> None:
    metric = template["Resources"][WATCHED]["Properties"]["Metrics"][1]["MetricStat"]["Metric"]
    metric["Dimensions"].append({"Name": "served_by", "Value": "session"})
    assert unknown(template) == [(WATCHED, "store_faults")]


def test_another_stack_of_an_alarm(template: Any) -> None:
    template["Resources"][PLAIN]["Properties"]["Dimensions"] = [{"Name": "stack", "Value": "elsewhere"}]
    assert unknown(template) == [(PLAIN, "restore_ms")]


def test_an_unlisted_aws_metric_of_an_alarm(template: Any) -> None:
    template["Resources"]["ThrottledAlarm"]["Properties"]["MetricName"] = "Throttled"
    assert unknown(template) == [("ThrottledAlarm", "Throttled")]


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ([NAMESPACE, "tea_ms", "stack", "${StackName}", {"stat": "p95"}], "tea_ms"),
        (
            [NAMESPACE, "cold_start", "stack", "${StackName}", "model_version", "v1", "variant", "main", {}],
            "cold_start",
        ),
        ([NAMESPACE, "requests", {"stat": "Sum"}], "requests"),
        (["AWS/Lambda", "Errors", "FunctionName", "elsewhere", {}], "Errors"),
        (
            [{"expression": SEARCH_BY_SOURCE}],
            "slow",
        ),
        ([{"expression": "SEARCH('tea', 'Sum')"}], "SEARCH('tea', 'Sum')"),
    ],
)
def test_an_unknown_metric_of_a_graph(template: Any, entry: list[Any], name: str) -> None:
    plant(template, entry)
    assert unknown(template) == [("DebugDashboard", name)]


def test_the_check_covers_conditional_graphs(template: Any) -> None:
    body = template["Resources"]["OnCallDashboard"]["Properties"]["DashboardBody"]
    _, serverless, nodes = body["Fn::If"]
    nodes["Fn::Sub"][0] = nodes["Fn::Sub"][0].replace("EngineCPUUtilization", "EngineUtilization")
    assert set(unknown(template)) == {("OnCallDashboard", "EngineUtilization")}
    assert "EngineCPUUtilization" not in serverless["Fn::Sub"][0]

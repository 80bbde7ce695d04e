"""observability.yaml is up to date and valid, and its alarms and dashboards refer to resources that exist."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from devstack.template.intrinsics import resolve_value
from devstack.template.resolver import Resolver
from observability.__main__ import TEMPLATE, main, rendered, rendered_grafana, rendered_rule_resource, rendered_rules
from observability.alarms.catalogue import COMPOSITES, EVERY_ALARM
from observability.dashboards.widgets import FULL_WIDTH
from observability.rendering.template import DASHBOARDS, template
from tests.template.names import Names

ALARM_TYPES = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
SUBSTITUTED = re.compile(r"\$\{([A-Za-z][^}]*)\}")
ALARM_LIMIT, RULE_LIMIT, DESCRIPTION_LIMIT = 100, 10_240, 1_024
"""Alarms of a widget; characters of a composite alarm's rule and of a description (PutCompositeAlarm)."""


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    """The resources of the rendered template."""
    document: dict[str, Any] = yaml.safe_load(rendered())
    resources: dict[str, Any] = document["Resources"]
    return resources


def alarms(resources: dict[str, Any]) -> dict[str, Any]:
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] in ALARM_TYPES}


def bodies(resources: dict[str, Any]) -> list[Any]:
    """Return the bodies of all dashboards, under every condition."""
    dashboards = [each for each in resources.values() if each["Type"] == "AWS::CloudWatch::Dashboard"]
    alternatives = [each["Properties"]["DashboardBody"] for each in dashboards]
    return [json.loads(plain(body)) for each in alternatives for body in each.get("Fn::If", [None, each])[1:]]


def plain(body: dict[str, Any]) -> str:
    """Return the text of a dashboard, with the alarms of all conditions."""
    if isinstance(body["Fn::Sub"], str):
        return body["Fn::Sub"]
    text, variables = body["Fn::Sub"]
    for name, value in variables.items():
        text = text.replace(f"${{{name}}}", value["Fn::If"][1]["Fn::Sub"])
    return str(text)


@pytest.mark.slow
def test_the_committed_template_is_up_to_date() -> None:
    assert TEMPLATE.read_text() == rendered(), "run `make observability`"
    assert yaml.safe_load(rendered()) == json.loads(json.dumps(template()))


@pytest.mark.slow
def test_the_command_writes_template_and_page(tmp_path: Path) -> None:
    # GIVEN a page with an empty table
    page, out = tmp_path / "page.md", tmp_path / "out.yaml"
    rules, grafana = tmp_path / "rules.yaml", tmp_path / "grafana.json"
    page.write_text("# Tea\n<!-- table: objectives -->\n<!-- end -->\nMore.\n")

    # WHEN the command runs
    resource = tmp_path / "resource.yaml"
    files = ["--out", str(out), "--rules", str(rules), "--rule-resource", str(resource), "--grafana", str(grafana)]
    assert main([*files, "--page", str(page)]) == 0

    # THEN all are written, and the rest of the page stays
    assert out.read_text() == rendered()
    assert rules.read_text() == rendered_rules()
    assert resource.read_text() == rendered_rule_resource()
    assert grafana.read_text() == rendered_grafana()
    assert page.read_text().startswith("# Tea\n<!-- table: objectives -->\n| objective |")
    assert page.read_text().endswith("|\n<!-- end -->\nMore.\n")


@pytest.mark.slow
def test_the_template_is_valid() -> None:
    command: list[str | Path] = [
        Path(sys.executable).with_name("cfn-lint"),
        "--regions",
        "eu-central-1",
        "--",
        TEMPLATE,
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")


def test_every_query_of_our_metrics_is_limited_to_the_stack(resources: dict[str, Any]) -> None:
    limited = {"Name": "stack", "Value": {"Fn::Sub": "${StackName}"}}
    ours = [metric for properties in alarms(resources).values() for metric in metrics_in(properties)]
    assert ours
    assert all(metric["Dimensions"][0] == limited for metric in ours)
    searches = [text for body in bodies(resources) for text in re.findall(r"SEARCH\([^)]*\)", json.dumps(body))]
    assert searches
    assert all('stack=\\"${StackName}\\"' in text for text in searches)


def metrics_in(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the metrics of our namespace that an alarm watches."""
    queries = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
    return [metric for metric in (alarm, *queries) if metric.get("Namespace") == "nextitem"]


def test_each_alarm_has_its_runbook_and_its_topic(resources: dict[str, Any]) -> None:
    rendered_alarms = {each["AlarmName"]["Fn::Sub"]: each for each in alarms(resources).values()}
    for alarm in EVERY_ALARM:
        properties = rendered_alarms.pop(f"${{FunctionName}}-{alarm.name}")
        description = properties["AlarmDescription"]["Fn::Sub"]
        assert description.endswith(f" Runbook: ${{RunbookBase}}/{alarm.runbook}.md")
        assert len(description) < DESCRIPTION_LIMIT
        topic = {"page": [{"Ref": "PageTopic"}], "ticket": [{"Ref": "TicketTopic"}], None: None}[alarm.notifies]
        assert (properties.get("AlarmActions"), properties.get("OKActions")) == (topic, topic)
    assert rendered_alarms == {}


def test_composite_alarms_depend_on_the_alarms_that_they_name(resources: dict[str, Any]) -> None:
    ids = {each["AlarmName"]["Fn::Sub"]: name for name, each in alarms(resources).items()}
    composites = [each for each in resources.values() if each["Type"] == "AWS::CloudWatch::CompositeAlarm"]
    assert len(composites) == len(COMPOSITES)
    for composite in composites:
        properties = composite["Properties"]
        rule = properties["AlarmRule"]["Fn::Sub"]
        names = re.findall(r'ALARM\("([^"]+)"\)', rule)
        if "ActionsSuppressor" in properties:
            names.append(properties["ActionsSuppressor"]["Fn::Sub"])
        assert {ids[name] for name in names} == set(composite["DependsOn"])
        assert len(rule) < RULE_LIMIT


def test_all_statistics_of_an_alarm_have_one_period(resources: dict[str, Any]) -> None:
    for properties in alarms(resources).values():
        periods = {each["MetricStat"]["Period"] for each in properties.get("Metrics", []) if "MetricStat" in each}
        assert len(periods) <= 1


def test_topics_are_encrypted_and_only_our_alarms_may_publish(resources: dict[str, Any]) -> None:
    topics = {name: each for name, each in resources.items() if each["Type"] == "AWS::SNS::Topic"}
    assert set(topics) == {"PageTopic", "TicketTopic"}
    assert all(each["Properties"]["KmsMasterKeyId"] == {"Ref": "TopicKey"} for each in topics.values())
    for name in topics:
        (statement,) = resources[f"{name}Policy"]["Properties"]["PolicyDocument"]["Statement"]
        assert (statement["Principal"], statement["Action"]) == ({"Service": "cloudwatch.amazonaws.com"}, "sns:Publish")
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_the_outputs_name_the_topics_and_the_rollback_alarms() -> None:
    document = template()
    names = {name: value["Value"] for name, value in document["Outputs"].items()}
    assert names == {
        "PageTopicArn": {"Ref": "PageTopic"},
        "TicketTopicArn": {"Ref": "TicketTopic"},
        "RollbackFailuresAlarmName": {"Ref": "RollbackFailuresAlarm"},
        "RollbackSlowAlarmName": {"Ref": "RollbackSlowAlarm"},
        "RollbackVersionFailuresAlarmName": {"Ref": "RollbackVersionFailuresAlarm"},
        "RollbackVersionSlowAlarmName": {"Ref": "RollbackVersionSlowAlarm"},
    }
    # Only values of the parent stack have no default
    needed = {name for name, parameter in document["Parameters"].items() if "Default" not in parameter}
    assert needed == {"StackName", "FunctionName", "ExecutedVersion", "ApiId", "StoreName"}


def test_dashboards_use_existing_parameters_only(resources: dict[str, Any]) -> None:
    known = {*template()["Parameters"], "AWS::Region", "AWS::Partition", "AWS::AccountId"}
    for body in bodies(resources):
        assert set(SUBSTITUTED.findall(json.dumps(body))) <= known


def test_widgets_do_not_overlap(resources: dict[str, Any]) -> None:
    assert len(bodies(resources)) == len(DASHBOARDS) + 1  # on-call has one for each kind of store
    for body in bodies(resources):
        taken: set[tuple[int, int]] = set()
        for widget in body["widgets"]:
            xs = range(widget["x"], widget["x"] + widget["width"])
            cells = {(x, y) for x in xs for y in range(widget["y"], widget["y"] + widget["height"])}
            assert widget["x"] + widget["width"] <= FULL_WIDTH
            assert not cells & taken
            taken |= cells


def test_ids_of_a_graph_are_unique_and_expressions_use_existing_ones(resources: dict[str, Any]) -> None:
    for body in bodies(resources):
        for widget in body["widgets"]:
            entries = widget["properties"].get("metrics", [])
            ids = [entry[-1]["id"] for entry in entries]
            assert len(set(ids)) == len(ids)
            for entry in entries:
                used = re.findall(r"\bm\d+\b", entry[-1].get("expression", ""))
                assert set(used) <= set(ids)


@pytest.mark.parametrize("learning", ["off", "scheduled"])
@pytest.mark.parametrize("store", ["serverless", "nodes"])
def test_the_dashboard_for_the_person_on_call_lists_every_alarm_that_notifies(store: str, learning: str) -> None:
    # GIVEN the alarms that a stack has, and those of them that reach a person
    document = yaml.safe_load(rendered())
    values = {name: "x" for name, parameter in document["Parameters"].items() if "Default" not in parameter}
    there = Resolver(document, {**values, "StoreKind": store, "Learning": learning}).section("Resources")
    notifying = {
        resolve_value(each["Properties"]["AlarmName"], Names())
        for each in there.values()
        if each["Type"] in ALARM_TYPES and "AlarmActions" in each["Properties"]
    }
    # WHEN its dashboard is deployed THEN it lists these and no other
    body = json.loads(resolve_value(there["OnCallDashboard"]["Properties"]["DashboardBody"], Names()))
    (listed,) = [widget["properties"]["alarms"] for widget in body["widgets"] if widget["type"] == "alarm"]
    assert {arn.partition(":alarm:")[2] for arn in listed} == notifying
    assert len(listed) == len(notifying)
    assert any(name.endswith("model-outdated") for name in notifying) == (learning == "scheduled")


def test_the_alarm_list_shows_existing_alarms(resources: dict[str, Any]) -> None:
    names = {each["AlarmName"]["Fn::Sub"] for each in alarms(resources).values()}
    shown = [
        [arn.partition(":alarm:")[2] for arn in widget["properties"]["alarms"]]
        for body in bodies(resources)
        for widget in body["widgets"]
        if widget["type"] == "alarm"
    ]
    assert shown
    for widget in shown:
        assert set(widget) <= names
        assert len(widget) <= ALARM_LIMIT

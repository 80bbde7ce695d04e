"""observability.yaml as data: parameters, topics, alarms, dashboards. A function from nothing to a template."""

import json
from typing import Any

from observability.alarms.catalogue import ALARMS, COMPOSITES
from observability.alarms.store import STORE_IS_NODES, STORE_IS_SERVERLESS
from observability.alarms.types import CompositeAlarm, MetricAlarm, Topic, named
from observability.dashboards.catalogue import DASHBOARDS
from observability.dashboards.widgets import FULL_WIDTH, AlarmList, Dashboard, Graph, Text, Widget
from observability.metrics.expressions import Band, Parameter, Stat
from observability.rendering.queries import (
    LOG_GROUP_IS_NAMED,
    alarm_queries,
    dimension_list,
    graph_metrics,
    substituted,
)
from observability.rendering.topics import SUBSCRIBED, topic_id, topic_resources

GRAPH_HEIGHT, NUMBER_HEIGHT, ALARMS_HEIGHT, TEXT_HEIGHT = 6, 4, 4, 1
SUPPRESSOR_WAIT, SUPPRESSOR_EXTENSION = 120, 180
"""Seconds: a cause may be noticed this much later than its effect, and the effect may outlast it that much."""

PARAMETERS: dict[str, dict[str, Any]] = {
    "FunctionName": {"Type": "String", "Description": "Name of the recommend function"},
    "AliasName": {"Type": "String", "Default": "live", "Description": "Alias that takes traffic"},
    "ExecutedVersion": {"Type": "String", "Description": "Version that the alias is to serve, for deployments"},
    "ApiId": {"Type": "String", "Description": "Id of the HTTP API"},
    "StoreName": {"Type": "String", "Description": "Name of the serverless cache, or id of the replication group"},
    "StoreKind": {
        "Type": "String",
        "Default": "serverless",
        "AllowedValues": ["serverless", "nodes"],
        "Description": "Which of the two the session store is",
    },
    "LogGroupName": {
        "Type": "String",
        "Default": "",
        "Description": "Log group of the function; empty for /aws/lambda/ and the function's name",
    },
    "MemorySize": {"Type": "Number", "Default": 1769, "Description": "Memory of the function in MB, for its cost"},
    "HitRateFloor": {
        "Type": "Number",
        "Default": 0.05,
        "MinValue": 0,
        "MaxValue": 1,
        "Description": "An online hit@20 below it pages; set it to two thirds of what your model reaches, 0 for never",
    },
    "RunbookBase": {
        "Type": "String",
        "Default": "docs/runbooks",
        "Description": "Where the runbooks are, without a slash at the end, such as a URL of your wiki",
    },
    "PageEmail": {"Type": "String", "Default": "", "Description": "Mailed what pages; empty for nobody"},
    "TicketEmail": {"Type": "String", "Default": "", "Description": "Mailed what writes tickets; empty for nobody"},
}
DEFAULTS: dict[str, float] = {
    name: float(parameter["Default"])
    for name, parameter in PARAMETERS.items()
    if parameter["Type"] == "Number" and "Default" in parameter
}


def template() -> dict[str, Any]:
    """Return the template."""
    resources: dict[str, Any] = topic_resources()
    for alarm in ALARMS:
        resources[_alarm_id(alarm.name)] = _metric_alarm(alarm)
    for composite in COMPOSITES:
        resources[_alarm_id(composite.name)] = _composite_alarm(composite)
    for dashboard in DASHBOARDS:
        resources[f"{_id(dashboard.name)}Dashboard"] = {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {"DashboardName": _named(dashboard.name), "DashboardBody": _body(dashboard)},
        }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "nextitem: alarms and dashboards. Written by `make observability`, do not edit",
        "Parameters": PARAMETERS,
        "Conditions": {
            STORE_IS_SERVERLESS: {"Fn::Equals": [{"Ref": "StoreKind"}, "serverless"]},
            STORE_IS_NODES: {"Fn::Equals": [{"Ref": "StoreKind"}, "nodes"]},
            LOG_GROUP_IS_NAMED: {"Fn::Not": [{"Fn::Equals": [{"Ref": "LogGroupName"}, ""]}]},
            **{
                condition: {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]}
                for condition, parameter in SUBSCRIBED.values()
            },
        },
        "Resources": resources,
        "Outputs": _outputs(),
    }


def _outputs() -> dict[str, Any]:
    rollback = [alarm for alarm in ALARMS if alarm.rollback]
    return {
        "PageTopicArn": {"Description": "What wakes somebody", "Value": {"Ref": topic_id("page")}},
        "TicketTopicArn": {"Description": "What waits for the morning", "Value": {"Ref": topic_id("ticket")}},
        **{
            f"{_alarm_id(alarm.name)}Name": {
                "Description": "An alarm that takes a deployment back",
                "Value": {"Ref": _alarm_id(alarm.name)},
            }
            for alarm in rollback
        },
    }


def _metric_alarm(alarm: MetricAlarm) -> dict[str, Any]:
    properties: dict[str, Any] = {
        **_told(alarm),
        "ComparisonOperator": alarm.comparison,
        "EvaluationPeriods": alarm.periods,
        "DatapointsToAlarm": alarm.breaching,
        "TreatMissingData": alarm.missing,
        **_watched(alarm),
    }
    if isinstance(alarm.expression, Band):
        properties["ThresholdMetricId"] = "band"
    elif isinstance(alarm.threshold, Parameter):
        properties["Threshold"] = {"Ref": alarm.threshold.name}
    else:
        properties["Threshold"] = alarm.threshold
    condition = {"Condition": alarm.condition} if alarm.condition else {}
    return {"Type": "AWS::CloudWatch::Alarm", **condition, "Properties": properties}


def _watched(alarm: MetricAlarm) -> dict[str, Any]:
    """Return a single statistic as it is, so that low sample counts can be told of; else queries."""
    if not isinstance(alarm.expression, Stat):
        return {"Metrics": alarm_queries(alarm.expression, alarm.period)}
    reference, statistic = alarm.expression.reference, alarm.expression.statistic
    percentile = {"ExtendedStatistic": statistic, "EvaluateLowSampleCountPercentile": "ignore"}
    return {
        "Namespace": reference.namespace,
        "MetricName": reference.name,
        "Dimensions": dimension_list(reference.dimensions),
        **(percentile if statistic.startswith("p") else {"Statistic": statistic}),
        "Period": alarm.period,
    }


def _composite_alarm(alarm: CompositeAlarm) -> dict[str, Any]:
    suppressed: dict[str, Any] = {}
    needed = set(named(alarm.rule))
    if alarm.suppressor is not None:
        needed.add(alarm.suppressor)
        suppressed = {
            "ActionsSuppressor": _named(alarm.suppressor),
            "ActionsSuppressorWaitPeriod": SUPPRESSOR_WAIT,
            "ActionsSuppressorExtensionPeriod": SUPPRESSOR_EXTENSION,
        }
    rule = alarm.rule.text(lambda name: f"${{FunctionName}}-{name}")
    return {
        "Type": "AWS::CloudWatch::CompositeAlarm",
        "DependsOn": sorted(_alarm_id(name) for name in needed),  # it names them, which CloudFormation cannot see
        "Properties": {**_told(alarm), "AlarmRule": substituted(rule), **suppressed},
    }


def _told(alarm: MetricAlarm | CompositeAlarm) -> dict[str, Any]:
    description = f"{alarm.meaning}. Runbook: ${{RunbookBase}}/{alarm.runbook}.md"
    told: dict[str, Any] = {"AlarmName": _named(alarm.name), "AlarmDescription": substituted(description)}
    if alarm.notifies is not None:
        topic: Topic = alarm.notifies
        told |= {"AlarmActions": [{"Ref": topic_id(topic)}], "OKActions": [{"Ref": topic_id(topic)}]}
    return told


def _body(dashboard: Dashboard) -> dict[str, Any]:
    """Return the body; where rows hang on the kind of store, one body for each."""
    if not dashboard.conditional:
        return {"Fn::Sub": _json(dashboard.rows)}
    (condition, row), (_, other) = dashboard.conditional
    bodies = [{"Fn::Sub": _json((*dashboard.rows, last))} for last in (row, other)]
    return {"Fn::If": [condition, *bodies]}


def _json(rows: tuple[tuple[Widget, ...], ...]) -> str:
    """Return a dashboard's JSON, a widget a line."""
    widgets, y = [], 0
    for row in rows:
        x = 0
        for widget in row:
            widgets.append({"x": x, "y": y, "width": widget.width, "height": _height(widget), **_widget(widget)})
            x += widget.width
        if x > FULL_WIDTH:
            raise ValueError(f"a row of {x} columns")
        y += max(map(_height, row))
    return '{"widgets":[\n' + ",\n".join(json.dumps(widget) for widget in widgets) + "\n]}"


def _height(widget: Widget) -> int:
    match widget:
        case Graph():
            return GRAPH_HEIGHT if widget.view == "timeSeries" else NUMBER_HEIGHT
        case AlarmList():
            return ALARMS_HEIGHT
        case Text():
            return TEXT_HEIGHT


def _widget(widget: Widget) -> dict[str, Any]:
    match widget:
        case Text(markdown):
            return {"type": "text", "properties": {"markdown": markdown}}
        case AlarmList(title, alarms):
            arn = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:${FunctionName}-"
            return {"type": "alarm", "properties": {"title": title, "alarms": [arn + name for name in alarms]}}
        case Graph():
            properties: dict[str, Any] = {
                "title": widget.title,
                "view": widget.view,
                "region": "${AWS::Region}",
                "period": widget.period,
                "stacked": widget.stacked,
                "metrics": graph_metrics(widget.lines),
            }
            if widget.limit is not None:
                label, value = widget.limit
                properties["annotations"] = {"horizontal": [{"label": label, "value": value}]}
            return {"type": "metric", "properties": properties}


def _named(name: str) -> dict[str, str]:
    return {"Fn::Sub": f"${{FunctionName}}-{name}"}


def _id(name: str) -> str:
    """Return the logical id of a name in kebab-case."""
    return "".join(part.capitalize() for part in name.split("-"))


def _alarm_id(name: str) -> str:
    return f"{_id(name)}Alarm"

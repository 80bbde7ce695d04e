"""Dashboards as CloudFormation resources.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

import json
import re
from dataclasses import replace
from typing import Any, Literal

from observability.alarms.types import Alarm, Condition
from observability.dashboards.widgets import FULL_WIDTH, AlarmList, Dashboard, Graph, Row, Text, Widget
from observability.rendering.naming import deployed_name
from observability.rendering.queries import graph_metrics

GRAPH_HEIGHT, NUMBER_HEIGHT, ALARMS_HEIGHT, TEXT_HEIGHT = 6, 4, 6, 1
STORE_IS_SERVERLESS: Literal["StoreIsServerless"] = "StoreIsServerless"
STORE_KINDS: tuple[Condition, Condition] = (STORE_IS_SERVERLESS, "StoreIsNodes")
"""In the order of `Dashboard.store_rows`."""
_LISTED_VARIABLE = re.compile(r', "(\$\{\w+Alarms\})"')
_ALARM_ARN = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:${FunctionName}-"


def dashboard_resource(dashboard: Dashboard) -> dict[str, Any]:
    """Return the resource of a dashboard; with rows for each kind of store, it has a body for each."""
    if dashboard.store_rows is None:
        body = _body(dashboard.rows)
    else:
        bodies = [
            _body((*(_of_store(each, kind) for each in dashboard.rows), row))
            for kind, row in zip(STORE_KINDS, dashboard.store_rows, strict=True)
        ]
        body = {"Fn::If": [STORE_IS_SERVERLESS, *bodies]}
    return {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {"DashboardName": deployed_name(dashboard.name), "DashboardBody": body},
    }


def _of_store(row: Row, kind: Condition) -> Row:
    """Return a row whose lists have the alarms of one kind of store; there they need no condition."""

    def of_kind(alarm: Alarm) -> Alarm:
        return replace(alarm, condition=None) if alarm.condition == kind else alarm

    return tuple(
        replace(
            widget, alarms=tuple(alarm for alarm in map(of_kind, widget.alarms) if alarm.condition not in STORE_KINDS)
        )
        if isinstance(widget, AlarmList)
        else widget
        for widget in row
    )


def _body(rows: tuple[Row, ...]) -> dict[str, Any]:
    """Return a dashboard's JSON, one widget on each line; alarms with a condition are variables of the text."""
    text = _text(rows)
    lists = [widget for row in rows for widget in row if isinstance(widget, AlarmList)]
    conditional = {
        _variable(condition): {
            "Fn::If": [condition, {"Fn::Sub": "".join(f', "{_arn(alarm)}"' for alarm in alarms)}, ""]
        }
        for each in lists
        for condition, alarms in _by_condition(each.alarms).items()
        if condition is not None
    }
    return {"Fn::Sub": [text, conditional] if conditional else text}


def _text(rows: tuple[Row, ...]) -> str:
    widgets, y = [], 0
    for row in rows:
        x = 0
        for widget in row:
            widgets.append({"x": x, "y": y, "width": widget.width, "height": _height(widget), **_widget(widget)})
            x += widget.width
        if x > FULL_WIDTH:
            raise ValueError(f"a row is {x} columns wide; a dashboard has {FULL_WIDTH}")
        y += max(map(_height, row))
    text = '{"widgets":[\n' + ",\n".join(json.dumps(widget) for widget in widgets) + "\n]}"
    # A variable of alarms brings its own commas: without its condition it is empty
    return _LISTED_VARIABLE.sub(r"\1", text)


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
            groups = _by_condition(alarms)
            listed = [*map(_arn, groups.pop(None)), *(f"${{{_variable(condition)}}}" for condition in groups)]
            return {"type": "alarm", "properties": {"title": title, "alarms": listed}}
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


def _by_condition(alarms: tuple[Alarm, ...]) -> dict[Condition | None, list[Alarm]]:
    groups: dict[Condition | None, list[Alarm]] = {}
    for alarm in alarms:
        groups.setdefault(alarm.condition, []).append(alarm)
    return groups


def _variable(condition: Condition | None) -> str:
    return f"{condition}Alarms"


def _arn(alarm: Alarm) -> str:
    return _ALARM_ARN + alarm.name

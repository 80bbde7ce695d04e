"""Dashboards as CloudFormation resources.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

import json
from typing import Any

from observability.dashboards.widgets import FULL_WIDTH, AlarmList, Dashboard, Graph, Row, Text, Widget
from observability.rendering.naming import deployed_name
from observability.rendering.queries import graph_metrics

GRAPH_HEIGHT, NUMBER_HEIGHT, ALARMS_HEIGHT, TEXT_HEIGHT = 6, 4, 4, 1
STORE_IS_SERVERLESS = "StoreIsServerless"
_ALARM_ARN = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:${FunctionName}-"


def dashboard_resource(dashboard: Dashboard) -> dict[str, Any]:
    """Return the resource of a dashboard; with rows for each kind of store, it has a body for each."""
    if dashboard.store_rows is None:
        body: dict[str, Any] = {"Fn::Sub": _body(dashboard.rows)}
    else:
        bodies = [{"Fn::Sub": _body((*dashboard.rows, row))} for row in dashboard.store_rows]
        body = {"Fn::If": [STORE_IS_SERVERLESS, *bodies]}
    return {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {"DashboardName": deployed_name(dashboard.name), "DashboardBody": body},
    }


def _body(rows: tuple[Row, ...]) -> str:
    """Return a dashboard's JSON, one widget on each line."""
    widgets, y = [], 0
    for row in rows:
        x = 0
        for widget in row:
            widgets.append({"x": x, "y": y, "width": widget.width, "height": _height(widget), **_widget(widget)})
            x += widget.width
        if x > FULL_WIDTH:
            raise ValueError(f"a row is {x} columns wide; a dashboard has {FULL_WIDTH}")
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
            return {"type": "alarm", "properties": {"title": title, "alarms": [_ALARM_ARN + name for name in alarms]}}
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

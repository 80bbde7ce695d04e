"""The CloudFormation template observability.yaml as data."""

from typing import Any

from observability.alarms.catalogue import ALARMS, COMPOSITES
from observability.dashboards.debug import DEBUG
from observability.dashboards.executive import EXECUTIVE
from observability.dashboards.on_call import ON_CALL
from observability.rendering.alarm_resources import composite_alarm, metric_alarm
from observability.rendering.dashboard_resources import STORE_IS_SERVERLESS, dashboard_resource
from observability.rendering.naming import LOG_GROUP_IS_NAMED, alarm_id, logical_id
from observability.rendering.topics import SUBSCRIPTIONS, topic_id, topic_resources

DASHBOARDS = (EXECUTIVE, ON_CALL, DEBUG)
PARAMETERS: dict[str, dict[str, Any]] = {
    "StackName": {"Type": "String", "Description": "Name of the stack around this one, a dimension of our metrics"},
    "FunctionName": {"Type": "String", "Description": "Name of the recommend function"},
    "AliasName": {"Type": "String", "Default": "live", "Description": "Alias that receives the traffic"},
    "ExecutedVersion": {"Type": "String", "Description": "Version that a deployment shifts the alias to"},
    "ApiId": {"Type": "String", "Description": "Id of the HTTP API"},
    "StoreName": {"Type": "String", "Description": "Name of the serverless cache, or id of the replication group"},
    "StoreKind": {
        "Type": "String",
        "Default": "serverless",
        "AllowedValues": ["serverless", "nodes"],
        "Description": "Kind of the session store",
    },
    "LogGroupName": {
        "Type": "String",
        "Default": "",
        "Description": "Log group of the function; empty for /aws/lambda/ and the function's name",
    },
    "MemorySize": {
        "Type": "Number",
        "Default": 1769,
        "Description": "Memory of the function in MB, for the cost graph",
    },
    "HitRateFloor": {
        "Type": "Number",
        "Default": 0.05,
        "MinValue": 0,
        "MaxValue": 1,
        "Description": "A lower online hit@20 pages. Set two thirds of your model's hit rate, or 0 for no alarm",
    },
    "Learning": {
        "Type": "String",
        "Default": "off",
        "AllowedValues": ["off", "scheduled"],
        "Description": "scheduled: drift is measured, so alarms watch it",
    },
    "RunbookBase": {
        "Type": "String",
        "Default": "docs/runbooks",
        "Description": "Address of the runbooks without a slash at the end, such as a URL of your wiki",
    },
    "PageEmail": {"Type": "String", "Default": "", "Description": "E-mail address for pages; empty for none"},
    "TicketEmail": {"Type": "String", "Default": "", "Description": "E-mail address for tickets; empty for none"},
}
DEFAULTS: dict[str, float] = {
    name: float(parameter["Default"])
    for name, parameter in PARAMETERS.items()
    if parameter["Type"] == "Number" and "Default" in parameter
}


def template() -> dict[str, Any]:
    """Return the template."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "nextitem: alarms and dashboards. Written by `make observability`, do not edit",
        "Parameters": PARAMETERS,
        "Conditions": {
            STORE_IS_SERVERLESS: _equals("StoreKind", "serverless"),
            "StoreIsNodes": _equals("StoreKind", "nodes"),
            "LearningIsScheduled": _equals("Learning", "scheduled"),
            LOG_GROUP_IS_NAMED: _not_empty("LogGroupName"),
            **{condition: _not_empty(parameter) for condition, parameter in SUBSCRIPTIONS.values()},
        },
        "Resources": {
            **topic_resources(),
            **{alarm_id(alarm.name): metric_alarm(alarm) for alarm in ALARMS},
            **{alarm_id(alarm.name): composite_alarm(alarm) for alarm in COMPOSITES},
            **{f"{logical_id(dashboard.name)}Dashboard": dashboard_resource(dashboard) for dashboard in DASHBOARDS},
        },
        "Outputs": {
            "PageTopicArn": {"Description": "Topic of alarms that page", "Value": {"Ref": topic_id("page")}},
            "TicketTopicArn": {
                "Description": "Topic of alarms that open a ticket",
                "Value": {"Ref": topic_id("ticket")},
            },
            **{
                f"{alarm_id(alarm.name)}Name": {
                    "Description": "Alarm that rolls a deployment back",
                    "Value": {"Ref": alarm_id(alarm.name)},
                }
                for alarm in ALARMS
                if alarm.rollback
            },
        },
    }


def _equals(parameter: str, value: str) -> dict[str, Any]:
    return {"Fn::Equals": [{"Ref": parameter}, value]}


def _not_empty(parameter: str) -> dict[str, Any]:
    return {"Fn::Not": [_equals(parameter, "")]}

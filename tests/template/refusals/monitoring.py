"""Refusals of CloudWatch alarms and dashboards, and of log groups."""

import json
import re
from collections.abc import Callable
from typing import Any

from devstack.template.stack import Properties
from tests.template.refusals.cloud import Cloud
from tests.template.refusals.types import ABSENT, AWS, Planted, Refusal, compact, is_true, number_at, value_at

ALARM, COMPOSITE, DASHBOARD = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm", "AWS::CloudWatch::Dashboard"
LOGS = "AWS::Logs::LogGroup"
CLOUDWATCH = f"{AWS}/AmazonCloudWatch/latest/APIReference"
PUT_ALARM, PUT_COMPOSITE = f"{CLOUDWATCH}/API_PutMetricAlarm.html", f"{CLOUDWATCH}/API_PutCompositeAlarm.html"
BODY = f"{CLOUDWATCH}/CloudWatch-Dashboard-Body-Structure.html"
PUT_PROTECTION = f"{AWS}/AmazonCloudWatchLogs/latest/APIReference/API_PutDataProtectionPolicy.html"
RANGE_OPERATORS = {"LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold"}
CHILD = re.compile(r'(?:ALARM|OK|INSUFFICIENT_DATA)\("?([^")]+)"?\)')
ELEMENT = re.compile(r'(?:ALARM|OK|INSUFFICIENT_DATA)\("?[^")]+"?\)|TRUE|FALSE|[()]')
A_DAY, A_WEEK, AN_HOUR = 86400, 604800, 3600
PAGE, BURN, OVERLOAD = (
    "Monitoring/AvailabilityPageAlarm",
    "Monitoring/AvailabilityBurn144x5mAlarm",
    "Monitoring/ThrottledAlarm",
)


def _queries(alarm: Properties) -> list[Any]:
    queries: list[Any] = alarm.get("Metrics", [])
    return queries


def _metrics(alarm: Properties) -> list[Any]:
    """Return the statistics that an alarm reads; an alarm on one metric is one itself."""
    return (
        [alarm]
        if "MetricName" in alarm
        else [query["MetricStat"] for query in _queries(alarm) if "MetricStat" in query]
    )


def _period(metric: Any) -> float:
    return float(metric["Period"])


def _dimensions(alarm: Properties) -> list[Any]:
    return [dimension for metric in _metrics(alarm) for dimension in metric.get("Metric", metric).get("Dimensions", [])]


def _no_period(seconds: float) -> bool:
    return seconds not in {10, 20, 30} and (seconds < 60 or seconds % 60 != 0)


def _window_too_long(alarm: Properties, _: Cloud) -> bool:
    periods = number_at(alarm, "EvaluationPeriods", 1)
    return any(
        _period(metric) * periods > (A_WEEK if _period(metric) >= AN_HOUR else A_DAY) for metric in _metrics(alarm)
    )


def _returned(alarm: Properties, _: Cloud) -> bool:
    returned = sum(is_true(query.get("ReturnData", True)) for query in _queries(alarm))
    return bool(_queries(alarm)) and returned != (2 if "ThresholdMetricId" in alarm else 1)


def _unknown_children(alarm: Properties, cloud: Cloud) -> bool:
    names = {other["AlarmName"] for _, other in cloud.of_type(ALARM, COMPOSITE)} - {alarm["AlarmName"]}
    suppressor = {alarm["ActionsSuppressor"]} if "ActionsSuppressor" in alarm else set()
    return not {*CHILD.findall(alarm["AlarmRule"]), *suppressor} <= names


def _suppressed_without_periods(alarm: Properties, _: Cloud) -> bool:
    keys = {"ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod"}
    return len(alarm.keys() & keys) not in {0, len(keys)}


def _widgets(dashboard: Properties) -> list[Any]:
    widgets: list[Any] = json.loads(dashboard["DashboardBody"])["widgets"]
    return widgets


def _no_dashboard(dashboard: Properties, _: Cloud) -> bool:
    try:
        widgets = _widgets(dashboard)
    except (json.JSONDecodeError, KeyError):
        return True
    return any(not {"type", "properties"} <= widget.keys() for widget in widgets)


def _off_the_grid(dashboard: Properties, _: Cloud) -> bool:
    return any(
        not 0 <= widget.get("x", 0) <= 23
        or not 1 <= widget.get("width", 6) <= 24
        or not 1 <= widget.get("height", 6) <= 1000
        for widget in _widgets(dashboard)
    )


def _protection(is_wrong: Callable[[Any], bool]) -> Callable[[Properties, Cloud], bool]:
    return lambda group, _: "DataProtectionPolicy" in group and is_wrong(group["DataProtectionPolicy"])


def _no_audit_and_mask(policy: Any) -> bool:
    audit, *others = policy["Statement"]
    if len(others) != 1:
        return True
    (mask,) = others
    return (
        "FindingsDestination" not in value_at(audit, "Operation.Audit", {})
        or value_at(mask, "Operation.Deidentify.MaskConfig") != {}
        or audit["DataIdentifier"] != mask["DataIdentifier"]
    )


def _altered(dashboard: str, x: int) -> str:
    return json.dumps({"widgets": [{"type": "text", "x": x, "properties": {"markdown": dashboard}}]})


MONITORING = (
    Refusal(
        "alarm-period",
        (ALARM,),
        "A period is 10, 20, 30 or a multiple of 60 s.",
        PUT_ALARM,
        lambda alarm, _: any(_no_period(_period(metric)) for metric in _metrics(alarm)),
        Planted(BURN, {"Metrics.1.MetricStat.Period": 90}),
    ),
    Refusal(
        "alarm-window",
        (ALARM,),
        "All periods together have at most one day, or seven days if a period has an hour or more.",
        PUT_ALARM,
        _window_too_long,
        Planted(OVERLOAD, {"EvaluationPeriods": 1500}),
    ),
    Refusal(
        "alarm-datapoints",
        (ALARM,),
        "DatapointsToAlarm is at most EvaluationPeriods.",
        f"{AWS}/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html",
        lambda alarm, _: number_at(alarm, "DatapointsToAlarm", 1) > number_at(alarm, "EvaluationPeriods", 1),
        Planted(OVERLOAD, {"DatapointsToAlarm": 50}),
    ),
    Refusal(
        "alarm-metrics",
        (ALARM,),
        "An alarm reads at most 10 metrics and has at most 10 expressions.",
        PUT_ALARM,
        lambda alarm, _: len(_metrics(alarm)) > 10 or sum("Expression" in query for query in _queries(alarm)) > 10,
        Planted(BURN, {"Metrics": [{"Id": f"e{i}", "Expression": "1", "ReturnData": i == 0} for i in range(11)]}),
    ),
    Refusal(
        "alarm-returned-data",
        (ALARM,),
        "One query returns data, or two for a band.",
        PUT_ALARM,
        _returned,
        Planted(BURN, {"Metrics.1.ReturnData": True}),
    ),
    Refusal(
        "alarm-search",
        (ALARM,),
        "An alarm has no SEARCH expression.",
        f"{AWS}/AmazonCloudWatch/latest/monitoring/using-search-expressions.html",
        lambda alarm, _: any("SEARCH(" in query.get("Expression", "") for query in _queries(alarm)),
        Planted(BURN, {"Metrics.0.Expression": "SUM(SEARCH('{AWS/Lambda} Throttles', 'Sum'))"}),
    ),
    Refusal(
        "alarm-threshold",
        (ALARM,),
        "An alarm has a threshold, or the id of a band with an operator for bands.",
        PUT_ALARM,
        lambda alarm, _: (
            ("ThresholdMetricId" if alarm["ComparisonOperator"] in RANGE_OPERATORS else "Threshold") not in alarm
        ),
        Planted(OVERLOAD, {"Threshold": ABSENT}),
    ),
    Refusal(
        "alarm-dimensions",
        (ALARM,),
        "A dimension's value has 1 to 1024 ASCII characters, not only spaces.",
        f"{CLOUDWATCH}/API_Dimension.html",
        lambda alarm, _: any(
            not re.fullmatch(r"[\x20-\x7e]{1,1024}", str(dimension["Value"])) or not str(dimension["Value"]).strip()
            for dimension in _dimensions(alarm)
        ),
        Planted("Monitoring/StoreDownAlarm", {"Metrics.1.MetricStat.Metric.Dimensions.0.Value": ""}),
    ),
    Refusal(
        "alarm-texts",
        (ALARM, COMPOSITE),
        "An alarm's name has at most 255 characters, its description 1024.",
        PUT_ALARM,
        lambda alarm, _: len(alarm["AlarmName"]) > 255 or len(alarm.get("AlarmDescription", "")) > 1024,
        Planted(PAGE, {"AlarmDescription": "x" * 1025}),
    ),
    Refusal(
        "composite-rule-size",
        (COMPOSITE,),
        "A rule has at most 10240 characters, 100 alarms and 500 elements.",
        PUT_COMPOSITE,
        lambda alarm, _: (
            len(alarm["AlarmRule"]) > 10240
            or len(CHILD.findall(alarm["AlarmRule"])) > 100
            or len(ELEMENT.findall(alarm["AlarmRule"])) > 500
        ),
        Planted(PAGE, {"AlarmRule": " OR ".join(['ALARM("shop-recommend-store-down")'] * 101)}),
    ),
    Refusal(
        "composite-children",
        (COMPOSITE,),
        "A rule and a suppressor name alarms that exist, and never the composite alarm itself.",
        PUT_COMPOSITE,
        _unknown_children,
        Planted(PAGE, {"AlarmRule": 'ALARM("shop-recommend-availability-page")'}),
    ),
    Refusal(
        "composite-suppressor",
        (COMPOSITE,),
        "A suppressor comes with a wait period and an extension period.",
        PUT_COMPOSITE,
        _suppressed_without_periods,
        Planted(PAGE, {"ActionsSuppressorWaitPeriod": ABSENT}),
    ),
    Refusal(
        "dashboard-name",
        (DASHBOARD,),
        "A dashboard's name has at most 255 letters, digits, hyphens and underscores.",
        f"{CLOUDWATCH}/API_PutDashboard.html",
        lambda dashboard, _: not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", dashboard.get("DashboardName", "generated")),
        Planted("Monitoring/OnCallDashboard", {"DashboardName": "on call"}),
    ),
    Refusal(
        "dashboard-body",
        (DASHBOARD,),
        "A dashboard is JSON with widgets of a type and properties.",
        BODY,
        _no_dashboard,
        Planted("Monitoring/OnCallDashboard", {"DashboardBody": '{"widgets": [{"type": "text"}]}'}),
    ),
    Refusal(
        "dashboard-grid",
        (DASHBOARD,),
        "A widget begins in column 0 to 23 and is at most 24 columns wide and 1000 rows high.",
        BODY,
        _off_the_grid,
        Planted("Monitoring/OnCallDashboard", {"DashboardBody": _altered("on call", 24)}),
    ),
    Refusal(
        "log-group-name",
        (LOGS,),
        "A log group's name does not begin with aws/.",
        f"{AWS}/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html",
        lambda group, _: group["LogGroupName"].startswith("aws/"),
        Planted("RecommendLogs", {"LogGroupName": "aws/lambda/shop-recommend"}),
    ),
    Refusal(
        "data-protection-statements",
        (LOGS,),
        "A data protection policy audits and masks the same identifiers, in two statements, with an empty MaskConfig.",
        PUT_PROTECTION,
        _protection(_no_audit_and_mask),
        Planted("RecommendLogs", {"DataProtectionPolicy.Statement.1.DataIdentifier": []}),
    ),
    Refusal(
        "data-protection-version",
        (LOGS,),
        "A data protection policy has the version 2021-06-01.",
        f"{AWS}/AmazonCloudWatch/latest/logs/mask-sensitive-log-data-start.html",
        _protection(lambda policy: policy.get("Version") != "2021-06-01"),
        Planted("OperationsLogs", {"DataProtectionPolicy.Version": "2012-10-17"}),
    ),
    Refusal(
        "data-protection-length",
        (LOGS,),
        "A data protection policy has at most 30720 characters.",
        PUT_PROTECTION,
        _protection(lambda policy: len(compact(policy)) > 30720),
        Planted("HttpApiLogs", {"DataProtectionPolicy.Name": "x" * 30720}),
    ),
)

"""Alarms as CloudFormation resources."""

from typing import Any

from observability.alarms.rules import alarm_names, rule_text
from observability.alarms.types import Alarm, CompositeAlarm, MetricAlarm
from observability.metrics.expressions import Band, Parameter, Stat
from observability.rendering.naming import alarm_id, deployed_name, substitute
from observability.rendering.queries import alarm_queries, dimension_list
from observability.rendering.topics import topic_id

SUPPRESSOR_WAIT, SUPPRESSOR_EXTENSION = 120, 180
"""Seconds: a cause may raise its alarm this much later than its effect, and the effect may last this much longer."""


def metric_alarm(alarm: MetricAlarm) -> dict[str, Any]:
    """Return the resource of a metric alarm."""
    properties: dict[str, Any] = {
        **_common_properties(alarm),
        "ComparisonOperator": alarm.comparison,
        "EvaluationPeriods": alarm.window.periods,
        "DatapointsToAlarm": alarm.window.breaching,
        "TreatMissingData": alarm.missing.treatment,
        **_metric_properties(alarm),
    }
    if isinstance(alarm.expression, Band):
        properties["ThresholdMetricId"] = "band"
    elif isinstance(alarm.threshold, Parameter):
        properties["Threshold"] = {"Ref": alarm.threshold.name}
    else:
        properties["Threshold"] = alarm.threshold
    return {"Type": "AWS::CloudWatch::Alarm", **_condition(alarm), "Properties": properties}


def composite_alarm(alarm: CompositeAlarm) -> dict[str, Any]:
    """Return the resource of a composite alarm."""
    suppression: dict[str, Any] = {}
    dependencies = set(alarm_names(alarm.rule))
    if alarm.suppressor is not None:
        dependencies.add(alarm.suppressor)
        suppression = {
            "ActionsSuppressor": deployed_name(alarm.suppressor),
            "ActionsSuppressorWaitPeriod": SUPPRESSOR_WAIT,
            "ActionsSuppressorExtensionPeriod": SUPPRESSOR_EXTENSION,
        }
    rule = rule_text(alarm.rule, lambda name: f"${{FunctionName}}-{name}")
    return {
        "Type": "AWS::CloudWatch::CompositeAlarm",
        **_condition(alarm),
        "DependsOn": sorted(map(alarm_id, dependencies)),  # CloudFormation does not read the names inside a rule
        "Properties": {**_common_properties(alarm), "AlarmRule": substitute(rule), **suppression},
    }


def _metric_properties(alarm: MetricAlarm) -> dict[str, Any]:
    """Return a single statistic as it is, because low sample counts can be ignored only there; else queries."""
    if not isinstance(alarm.expression, Stat):
        return {"Metrics": alarm_queries(alarm.expression, alarm.window.period)}
    reference, statistic = alarm.expression.reference, alarm.expression.statistic
    percentile = {"ExtendedStatistic": statistic, "EvaluateLowSampleCountPercentile": "ignore"}
    return {
        "Namespace": reference.namespace,
        "MetricName": reference.name,
        "Dimensions": dimension_list(reference.dimensions),
        **(percentile if statistic.startswith("p") else {"Statistic": statistic}),
        "Period": alarm.window.period,
    }


def _condition(alarm: Alarm) -> dict[str, str]:
    return {"Condition": alarm.condition} if alarm.condition else {}


def _common_properties(alarm: Alarm) -> dict[str, Any]:
    description = f"{alarm.meaning}. Runbook: ${{RunbookBase}}/{alarm.runbook}.md"
    properties = {"AlarmName": deployed_name(alarm.name), "AlarmDescription": substitute(description)}
    if alarm.notifies is None:
        return properties
    topic = [{"Ref": topic_id(alarm.notifies)}]
    return properties | {"AlarmActions": topic, "OKActions": topic}

"""CloudWatch alarms and dashboards, and the SNS topics that they notify."""

import json
import re
from collections.abc import Callable

from devstack.cloud.deploying.documents import resource_policy
from devstack.cloud.deploying.resource_type import Created, Declared, ResourceType, Site, kept, names
from devstack.cloud.resources import Resource

_IN_RULE = re.compile(r"""\b(?:ALARM|OK|INSUFFICIENT_DATA)\(["']?([^"')]+)["']?\)""")
"""The name or the ARN of an alarm in the rule of a composite alarm."""


def _create_topic(site: Site, declared: Declared) -> Created:
    name = declared.properties.get("TopicName") or declared.name(maximum=256)
    attributes = {key: str(value) for key, value in declared.only("KmsMasterKeyId", "DisplayName").items()}
    arn = site.clients.call("sns", "CreateTopic", Name=name, Attributes=attributes)["TopicArn"]
    return Created(arn, {"TopicArn": arn, "TopicName": name})


def _update_topic(site: Site, resource: Resource, declared: Declared) -> Created:
    for name in ("KmsMasterKeyId", "DisplayName"):
        value = str(declared.properties.get(name, ""))
        site.clients.call(
            "sns", "SetTopicAttributes", TopicArn=resource.physical_id, AttributeName=name, AttributeValue=value
        )
    return Created(resource.physical_id, resource.attributes)


def _delete_topic(site: Site, resource: Resource) -> None:
    site.clients.call("sns", "DeleteTopic", TopicArn=resource.physical_id)


def _create_topic_policy(site: Site, declared: Declared) -> Created:
    document = resource_policy(declared.properties["PolicyDocument"])
    for topic in declared.properties["Topics"]:
        site.clients.call("sns", "SetTopicAttributes", TopicArn=topic, AttributeName="Policy", AttributeValue=document)
    name = declared.name()
    return Created(name, {"Id": name})


def _update_topic_policy(site: Site, resource: Resource, declared: Declared) -> Created:
    _create_topic_policy(site, declared)
    return Created(resource.physical_id, resource.attributes)


def _subscribe(site: Site, declared: Declared) -> Created:
    answer = site.clients.call("sns", "Subscribe", ReturnSubscriptionArn=True, **declared.properties)
    return Created(answer["SubscriptionArn"], {"Arn": answer["SubscriptionArn"]})


def _unsubscribe(site: Site, resource: Resource) -> None:
    site.clients.call("sns", "Unsubscribe", SubscriptionArn=resource.physical_id)


def _alarm_arn(site: Site, name: str) -> str:
    return site.account.arn("cloudwatch", f"alarm:{name}")


def _require_topics(site: Site, declared: Declared) -> None:
    topics = {topic.physical_id for topic in site.of_type("AWS::SNS::Topic")}
    for action in [*declared.properties.get("AlarmActions", []), *declared.properties.get("OKActions", [])]:
        if action not in topics:
            raise ValueError(f"AlarmActions: there is no topic {action}")


def _put_alarm(site: Site, declared: Declared) -> Created:
    name = declared.properties.get("AlarmName") or declared.name(maximum=255)
    _require_topics(site, declared)
    site.clients.call("cloudwatch", "PutMetricAlarm", AlarmName=name, **declared.without("AlarmName"))
    return Created(name, {"Arn": _alarm_arn(site, name)})


def _put_composite(site: Site, declared: Declared) -> Created:
    name = declared.properties.get("AlarmName") or declared.name(maximum=255)
    # checked only: moto has no composite alarms
    site.clients.check("cloudwatch", "PutCompositeAlarm", AlarmName=name, **declared.without("AlarmName"))
    _require_topics(site, declared)
    alarms = {
        text
        for alarm in site.of_type("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
        for text in (alarm.physical_id, alarm.attributes["Arn"])
    }
    watched = [*_IN_RULE.findall(declared.properties["AlarmRule"]), *declared.only("ActionsSuppressor").values()]
    if missing := [alarm for alarm in watched if alarm not in alarms]:
        raise ValueError(f"AlarmRule: there is no alarm {missing[0]}")
    return Created(name, {"Arn": _alarm_arn(site, name)})


def _again(put: Callable[[Site, Declared], Created]) -> Callable[[Site, Resource, Declared], Created]:
    """Return an update for calls that state the whole resource and replace it."""

    def update(site: Site, resource: Resource, declared: Declared) -> Created:
        put(site, declared)
        return Created(resource.physical_id, resource.attributes)

    return update


def _delete_alarm(site: Site, resource: Resource) -> None:
    name, arn = resource.physical_id, resource.attributes["Arn"]
    for composite in site.of_type("AWS::CloudWatch::CompositeAlarm"):
        watched = _IN_RULE.findall(composite.properties["AlarmRule"])
        if composite is not resource and {name, arn} & {*watched, composite.properties.get("ActionsSuppressor")}:
            raise ValueError(f"cannot delete {name}: the composite alarm {composite.physical_id} depends on it")
    send = site.clients.check if resource.type == "AWS::CloudWatch::CompositeAlarm" else site.clients.call
    send("cloudwatch", "DeleteAlarms", AlarmNames=[name])


def _put_dashboard(site: Site, declared: Declared) -> Created:
    name = declared.properties.get("DashboardName") or declared.name(maximum=255)
    body = declared.properties["DashboardBody"]
    json.loads(body)  # moto takes any text
    site.clients.call("cloudwatch", "PutDashboard", DashboardName=name, DashboardBody=body)
    return Created(name)


def _delete_dashboard(site: Site, resource: Resource) -> None:
    site.clients.call("cloudwatch", "DeleteDashboards", DashboardNames=[resource.physical_id])


_ALARM_CHANGES = names(
    "AlarmActions AlarmDescription ComparisonOperator DatapointsToAlarm Dimensions EvaluateLowSampleCountPercentile"
    " EvaluationPeriods ExtendedStatistic MetricName Metrics Namespace OKActions Period Statistic Threshold"
    " ThresholdMetricId TreatMissingData Unit"
)
_COMPOSITE_CHANGES = names(
    "ActionsSuppressor ActionsSuppressorExtensionPeriod ActionsSuppressorWaitPeriod AlarmActions AlarmDescription"
    " AlarmRule OKActions"
)

TYPES = (
    ResourceType(
        "AWS::SNS::Topic",
        names("TopicName KmsMasterKeyId DisplayName"),
        _create_topic,
        _delete_topic,
        update=_update_topic,
        changeable=names("KmsMasterKeyId DisplayName"),
        named_by="TopicName",
    ),
    ResourceType(
        "AWS::SNS::TopicPolicy",
        names("Topics PolicyDocument"),
        _create_topic_policy,
        kept,
        update=_update_topic_policy,
        changeable=names("Topics PolicyDocument"),
    ),
    ResourceType("AWS::SNS::Subscription", names("TopicArn Protocol Endpoint"), _subscribe, _unsubscribe),
    ResourceType(
        "AWS::CloudWatch::Alarm",
        _ALARM_CHANGES | names("AlarmName"),
        _put_alarm,
        _delete_alarm,
        update=_again(_put_alarm),
        changeable=_ALARM_CHANGES,
        named_by="AlarmName",
        droppable=_ALARM_CHANGES,
    ),
    ResourceType(
        "AWS::CloudWatch::CompositeAlarm",
        _COMPOSITE_CHANGES | names("AlarmName"),
        _put_composite,
        _delete_alarm,
        update=_again(_put_composite),
        changeable=_COMPOSITE_CHANGES,
        named_by="AlarmName",
        droppable=_COMPOSITE_CHANGES,
    ),
    ResourceType(
        "AWS::CloudWatch::Dashboard",
        names("DashboardName DashboardBody"),
        _put_dashboard,
        _delete_dashboard,
        update=_again(_put_dashboard),
        changeable=names("DashboardBody"),
        named_by="DashboardName",
    ),
)

"""Refusals of Application Auto Scaling and CodeDeploy."""

import re
from zoneinfo import available_timezones

from devstack.template.stack import Properties, Values
from tests.template.refusals.types import ABSENT, AWS, Planted, Refusal, number_at, value_at

TARGET, GROUP = "AWS::ApplicationAutoScaling::ScalableTarget", "AWS::CodeDeploy::DeploymentGroup"
SCALING = f"{AWS}/autoscaling/application/APIReference"
PROVISIONED: Values = {"ColdStartStrategy": "provisioned", "ScheduledMinimum": 10}
CRON_FIELDS = 6
SCHEDULE = re.compile(r"cron\((.+)\)|rate\(\d+ (minute|hour|day)s?\)|at\(\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?\)")


def _no_schedule(text: str) -> bool:
    matched = SCHEDULE.fullmatch(text)
    return not matched or bool(matched[1] and len(matched[1].split()) != CRON_FIELDS)


def _actions(target: Properties) -> list[Properties]:
    actions: list[Properties] = target.get("ScheduledActions", [])
    return actions


SCALING_AND_RELEASES = (
    Refusal(
        "scaling-minimum-above-maximum",
        (TARGET,),
        "The minimum capacity is not above the maximum capacity.",
        f"{SCALING}/API_RegisterScalableTarget.html",
        lambda target, _: number_at(target, "MinCapacity", 0) > number_at(target, "MaxCapacity", 0),
        Planted("WarmEnvironments", {"MinCapacity": 21}, PROVISIONED),
    ),
    Refusal(
        "scaling-of-latest",
        (TARGET,),
        "Provisioned concurrency belongs to a version or an alias.",
        f"{SCALING}/API_RegisterScalableTarget.html",
        lambda target, _: not re.fullmatch(r"function:[^:]+:(?!\$LATEST$)[^:]+", target["ResourceId"]),
        Planted("WarmEnvironments", {"ResourceId": "function:shop-recommend:$LATEST"}, PROVISIONED),
    ),
    Refusal(
        "schedule-format",
        (TARGET,),
        "A schedule is at(...), rate(...) or cron(...) with six fields.",
        f"{SCALING}/API_PutScheduledAction.html",
        lambda target, _: any(_no_schedule(action["Schedule"]) for action in _actions(target)),
        Planted("WarmEnvironments", {"ScheduledActions.0.Schedule": "cron(0 7 * * *)"}, PROVISIONED),
    ),
    Refusal(
        "schedule-timezone",
        (TARGET,),
        "A time zone has its IANA name.",
        f"{SCALING}/API_PutScheduledAction.html",
        lambda target, _: any(
            action.get("Timezone", "UTC") not in available_timezones() for action in _actions(target)
        ),
        Planted("WarmEnvironments", {"ScheduledActions.0.Timezone": "CEST"}, PROVISIONED),
    ),
    Refusal(
        "schedule-names",
        (TARGET,),
        "Names of scheduled actions are unique on their target.",
        f"{SCALING}/API_PutScheduledAction.html",
        lambda target, _: len({action["ScheduledActionName"] for action in _actions(target)}) < len(_actions(target)),
        Planted("WarmEnvironments", {"ScheduledActions.1.ScheduledActionName": "busy-hours"}, PROVISIONED),
    ),
    Refusal(
        "schedule-without-capacity",
        (TARGET,),
        "A scheduled action sets a minimum or a maximum.",
        f"{SCALING}/API_ScalableTargetAction.html",
        lambda target, _: any(not action.get("ScalableTargetAction") for action in _actions(target)),
        Planted("WarmEnvironments", {"ScheduledActions.0.ScalableTargetAction.MinCapacity": ABSENT}, PROVISIONED),
    ),
    Refusal(
        "deployment-alarms",
        (GROUP,),
        "A deployment group watches at most 10 alarms.",
        f"{AWS}/codedeploy/latest/APIReference/API_AlarmConfiguration.html",
        lambda group, _: len(value_at(group, "AlarmConfiguration.Alarms", [])) > 10,
        Planted(
            "RecommendFunctionDeploymentGroup",
            {"AlarmConfiguration.Alarms": [{"Name": f"alarm-{number}"} for number in range(11)]},
        ),
    ),
    Refusal(
        "rollback-without-events",
        (GROUP,),
        "Automatic rollback names at least one event.",
        f"{AWS}/codedeploy/latest/APIReference/API_AutoRollbackConfiguration.html",
        lambda group, _: (
            bool(value_at(group, "AutoRollbackConfiguration.Enabled"))
            and not value_at(group, "AutoRollbackConfiguration.Events")
        ),
        Planted("RecommendFunctionDeploymentGroup", {"AutoRollbackConfiguration.Events": []}),
    ),
)

"""EventBridge: rules by a schedule or by a pattern, with their targets."""

import json

from devstack.cloud.deploying.resource_type import Created, Declared, ResourceType, Site, names
from devstack.cloud.resources import Resource

RULE = "AWS::Events::Rule"


def _put_rule(site: Site, declared: Declared) -> Created:
    properties = declared.properties
    name = properties.get("Name") or declared.name(maximum=64)
    pattern = {"EventPattern": json.dumps(properties["EventPattern"])} if "EventPattern" in properties else {}
    if ("ScheduleExpression" in properties) == bool(pattern):
        raise ValueError("a rule has a ScheduleExpression or an EventPattern")
    answer = site.clients.call(
        "events", "PutRule", Name=name, **pattern, **declared.only("Description", "ScheduleExpression")
    )
    return Created(name, {"Arn": answer["RuleArn"]})


def _set_targets(site: Site, rule: Resource) -> None:
    site.clients.call("events", "PutTargets", Rule=rule.physical_id, Targets=list(rule.properties["Targets"]))


def _update_rule(site: Site, resource: Resource, declared: Declared) -> Created:
    kept = {target["Id"] for target in declared.properties["Targets"]}
    _remove_targets(site, resource, kept)
    return _put_rule(site, declared)


def _remove_targets(site: Site, rule: Resource, kept: set[str]) -> None:
    ids = [target["Id"] for target in rule.properties["Targets"] if target["Id"] not in kept]
    if ids:
        site.clients.call("events", "RemoveTargets", Rule=rule.physical_id, Ids=ids)


def _delete_rule(site: Site, rule: Resource) -> None:
    _remove_targets(site, rule, set())
    site.clients.call("events", "DeleteRule", Name=rule.physical_id)


_CHANGES = names("Description EventPattern ScheduleExpression Targets")

TYPES = (
    ResourceType(
        RULE,
        _CHANGES | names("Name"),
        _put_rule,
        _delete_rule,
        update=_update_rule,
        configure=_set_targets,
        changeable=_CHANGES,
        named_by="Name",
    ),
)

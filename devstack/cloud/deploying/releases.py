"""CodeDeploy, which moves the alias, and Application Auto Scaling of provisioned concurrency."""

from devstack.cloud.deploying.resource_type import Created, Declared, ResourceType, Site, names, only
from devstack.cloud.resources import Resource

CODEDEPLOY = "codedeploy.amazonaws.com"
_CONFIGURATIONS = {
    "CodeDeployDefault.LambdaAllAtOnce",
    *(f"CodeDeployDefault.LambdaCanary10Percent{minutes}Minutes" for minutes in (5, 10, 15, 30)),
    *(
        f"CodeDeployDefault.LambdaLinear10PercentEvery{every}"
        for every in ("1Minute", "2Minutes", "3Minutes", "10Minutes")
    ),
}
"""https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html"""
_TARGET = ("ServiceNamespace", "ScalableDimension", "ResourceId")


def _create_application(site: Site, declared: Declared) -> Created:
    name = declared.properties.get("ApplicationName") or declared.name(maximum=100)
    site.refuse_duplicate(declared, name)
    platform = declared.only("ComputePlatform")
    # checked only: moto cannot delete an application or a deployment group
    site.clients.check("codedeploy", "CreateApplication", applicationName=name, **_camel(platform))
    return Created(name)


def _delete_application(site: Site, resource: Resource) -> None:
    site.clients.check("codedeploy", "DeleteApplication", applicationName=resource.physical_id)


def _create_group(site: Site, declared: Declared) -> Created:
    name = declared.properties.get("DeploymentGroupName") or declared.name(maximum=100)
    site.refuse_duplicate(declared, name)
    _require(site, declared)
    site.clients.check(
        "codedeploy", "CreateDeploymentGroup", deploymentGroupName=name,
        **_camel(declared.without("DeploymentGroupName")),
    )  # fmt: skip
    return Created(name)


def _require(site: Site, declared: Declared) -> None:
    """Refuse what CodeDeploy does not find, or cannot assume."""
    properties = declared.properties
    if not site.find("AWS::CodeDeploy::Application", properties["ApplicationName"]):
        raise ValueError(f"ApplicationName: there is no application {properties['ApplicationName']}")
    if (configuration := properties["DeploymentConfigName"]) not in _CONFIGURATIONS:
        raise ValueError(f"DeploymentConfigName: there is no configuration {configuration}")
    site.authority.assume(properties["ServiceRoleArn"], "deployment", by=CODEDEPLOY)
    alarms = {alarm.physical_id for alarm in site.of_type("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")}
    for alarm in properties.get("AlarmConfiguration", {}).get("Alarms", []):
        if alarm["Name"] not in alarms:
            raise ValueError(f"AlarmConfiguration: there is no alarm {alarm['Name']}")


def _update_group(site: Site, resource: Resource, declared: Declared) -> Created:
    _require(site, declared)
    site.clients.check(
        "codedeploy", "UpdateDeploymentGroup", currentDeploymentGroupName=resource.physical_id,
        **_camel(declared.without("DeploymentGroupName")),
    )  # fmt: skip
    return Created(resource.physical_id)


def _delete_group(site: Site, resource: Resource) -> None:
    site.clients.check(
        "codedeploy", "DeleteDeploymentGroup", applicationName=resource.properties["ApplicationName"],
        deploymentGroupName=resource.physical_id,
    )  # fmt: skip


def _camel(value: object) -> dict[str, object]:
    """Return a structure with names as the CodeDeploy API has them; CloudFormation's begin with a capital."""
    converted = _lowered(value)
    return converted if isinstance(converted, dict) else {}


def _lowered(value: object) -> object:
    if isinstance(value, list):
        return [_lowered(item) for item in value]
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _lowered(item) for key, item in value.items()}
    return value


def _register(site: Site, declared: Declared) -> Created:
    target = declared.only(*_TARGET)
    _require_alias(site, target["ResourceId"])
    site.clients.call("application-autoscaling", "RegisterScalableTarget", **declared.without("ScheduledActions"))
    return Created("|".join(target[name] for name in reversed(_TARGET)))


def _schedule(site: Site, resource: Resource) -> None:
    target = only(resource.properties, *_TARGET)
    for action in resource.properties.get("ScheduledActions", []):
        site.clients.call("application-autoscaling", "PutScheduledAction", **target, **action)


def _require_alias(site: Site, resource_id: str) -> None:
    """Refuse an alias that does not exist, as RegisterScalableTarget does and moto does not."""
    _, function, alias = resource_id.split(":")
    found = (
        other.properties["FunctionName"] == function and other.properties["Name"] == alias
        for other in site.of_type("AWS::Lambda::Alias")
    )
    if not any(found):
        raise ValueError(f"ResourceId: there is no alias {alias} of {function}")


def _change_target(site: Site, resource: Resource, declared: Declared) -> Created:
    _delete_schedules(site, resource)
    return _register(site, declared)


def _delete_schedules(site: Site, resource: Resource) -> None:
    target = only(resource.properties, *_TARGET)
    wanted = {"ServiceNamespace": target["ServiceNamespace"], "ResourceId": target["ResourceId"]}
    found = site.clients.call("application-autoscaling", "DescribeScheduledActions", **wanted)["ScheduledActions"]
    for action in found:
        name = action["ScheduledActionName"]
        site.clients.call("application-autoscaling", "DeleteScheduledAction", ScheduledActionName=name, **target)


def _deregister(site: Site, resource: Resource) -> None:
    _delete_schedules(site, resource)
    target = only(resource.properties, *_TARGET)
    site.clients.call("application-autoscaling", "DeregisterScalableTarget", **target)


def _put_policy(site: Site, declared: Declared) -> Created:
    answer = site.clients.call("application-autoscaling", "PutScalingPolicy", **_scaling_policy(declared))
    return Created(answer["PolicyARN"], {"Arn": answer["PolicyARN"]})


def _scaling_policy(declared: Declared) -> dict[str, object]:
    """Return the parameters of PutScalingPolicy; some names are longer in CloudFormation."""
    result = declared.without("ScalingTargetId", "TargetTrackingScalingPolicyConfiguration")
    if target := declared.properties.get("ScalingTargetId"):
        result |= dict(zip(reversed(_TARGET), target.split("|"), strict=True))
    if tracking := declared.properties.get("TargetTrackingScalingPolicyConfiguration"):
        result["TargetTrackingScalingPolicyConfiguration"] = tracking
    return result


def _change_policy(site: Site, resource: Resource, declared: Declared) -> Created:
    _put_policy(site, declared)
    return Created(resource.physical_id, resource.attributes)


def _delete_policy(site: Site, resource: Resource) -> None:
    resource_id, dimension, namespace = resource.properties["ScalingTargetId"].split("|")
    site.clients.call(
        "application-autoscaling", "DeleteScalingPolicy", PolicyName=resource.properties["PolicyName"],
        ServiceNamespace=namespace, ResourceId=resource_id, ScalableDimension=dimension,
    )  # fmt: skip


_GROUP_CHANGES = names(
    "AlarmConfiguration AutoRollbackConfiguration DeploymentConfigName DeploymentStyle ServiceRoleArn"
)
_TARGET_CHANGES = names("MinCapacity MaxCapacity ScheduledActions RoleARN")
_POLICY_CHANGES = names("TargetTrackingScalingPolicyConfiguration PolicyType")

TYPES = (
    ResourceType(
        "AWS::CodeDeploy::Application",
        names("ApplicationName ComputePlatform"),
        _create_application,
        _delete_application,
        named_by="ApplicationName",
    ),
    ResourceType(
        "AWS::CodeDeploy::DeploymentGroup",
        _GROUP_CHANGES | names("ApplicationName DeploymentGroupName"),
        _create_group,
        _delete_group,
        update=_update_group,
        changeable=_GROUP_CHANGES,
        named_by="DeploymentGroupName",
    ),
    ResourceType(
        "AWS::ApplicationAutoScaling::ScalableTarget",
        _TARGET_CHANGES | frozenset(_TARGET),
        _register,
        _deregister,
        update=_change_target,
        configure=_schedule,
        changeable=_TARGET_CHANGES,
        droppable=names("ScheduledActions"),
    ),
    ResourceType(
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        _POLICY_CHANGES | names("PolicyName ScalingTargetId"),
        _put_policy,
        _delete_policy,
        update=_change_policy,
        changeable=_POLICY_CHANGES,
        named_by="PolicyName",
    ),
)

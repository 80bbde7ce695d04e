"""Lambda: functions, versions, aliases, permissions, and the capacity of managed instances."""

from collections.abc import Mapping
from typing import Any

from devstack.cloud.deploying.resource_type import Created, Declared, ResourceType, Shift, Site, names, only
from devstack.cloud.iam.policy import Decision, Principal, Request, evaluate
from devstack.cloud.resources import Resource

LAMBDA = "lambda.amazonaws.com"
_OPERATOR_POLICY = "AWSLambdaManagedEC2ResourceOperator"
_TRACE_ACTIONS = ("xray:PutTraceSegments",)
_VPC_ACTIONS = ("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface")


def _create_function(site: Site, declared: Declared) -> Created:
    name = declared.properties.get("FunctionName") or declared.name()
    _require_role(site, declared, name)
    answer = site.clients.call(
        "lambda", "CreateFunction", FunctionName=name, Code=declared.properties["Code"],
        **_configuration(declared.properties), **declared.only("Architectures"), **_tags(declared),
    )  # fmt: skip
    return Created(name, {"Arn": answer["FunctionArn"]})


def _configuration(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: properties[name] for name in _CONFIGURATION if name in properties}


def _tags(declared: Declared) -> dict[str, Any]:
    tags = declared.properties.get("Tags")
    return {"Tags": {tag["Key"]: tag["Value"] for tag in tags}} if tags else {}


def _reserve(site: Site, function: Resource) -> None:
    name = function.physical_id
    if reserved := only(function.properties, "ReservedConcurrentExecutions"):
        site.clients.call("lambda", "PutFunctionConcurrency", FunctionName=name, **reserved)
    else:
        site.clients.call("lambda", "DeleteFunctionConcurrency", FunctionName=name)


def _require_role(site: Site, declared: Declared, name: str) -> None:
    """Refuse a role that Lambda cannot assume, or that cannot join the VPC or trace, as CreateFunction does."""
    role = declared.properties["Role"]
    context = {
        "aws:SourceAccount": (site.account.id,),
        "aws:SourceArn": (site.account.arn("lambda", f"function:{name}"),),
    }
    credentials = site.authority.assume(role, name, by=LAMBDA, context=context)
    principal = site.authority.principal_of(credentials.access_key_id)
    is_traced = declared.properties.get("TracingConfig", {}).get("Mode") == "Active"
    needed = {
        "VpcConfig": _VPC_ACTIONS if declared.properties.get("VpcConfig") else (),
        "TracingConfig": _TRACE_ACTIONS if is_traced else (),
    }
    for setting, actions in needed.items():
        for action in actions:
            if evaluate(principal.statements, Request(action, "*", {}, principal)) is not Decision.ALLOW:
                raise ValueError(f"{setting}: the role {role} does not have permission for {action}")


def _update_function(site: Site, resource: Resource, declared: Declared) -> Created:
    name = resource.physical_id
    _require_role(site, declared, name)
    code, before = declared.properties["Code"], resource.properties["Code"]
    if code != before or declared.only("Architectures") != only(resource.properties, "Architectures"):
        site.clients.call("lambda", "UpdateFunctionCode", FunctionName=name, **code, **declared.only("Architectures"))
    if _configuration(declared.properties) != _configuration(resource.properties):
        site.clients.call(
            "lambda", "UpdateFunctionConfiguration", FunctionName=name, **_configuration(declared.properties)
        )
    return Created(name, resource.attributes)


def _delete_function(site: Site, resource: Resource) -> None:
    site.clients.call("lambda", "DeleteFunction", FunctionName=resource.physical_id)
    # with it go its versions, whether the template retains them or not
    for key, version in list(site.live.items()):
        if version.type == "AWS::Lambda::Version" and version.properties["FunctionName"] == resource.physical_id:
            del site.live[key]


def _publish(site: Site, declared: Declared) -> Created:
    answer = site.clients.call("lambda", "PublishVersion", **declared.only("FunctionName", "Description", "CodeSha256"))
    arn = answer["FunctionArn"]
    if site.find(declared.type, arn):
        raise ValueError(
            f"a version for this function exists ({answer['Version']}): change its code or properties first"
        )
    return Created(arn, {"Version": answer["Version"], "FunctionArn": arn})


def _delete_version(site: Site, resource: Resource) -> None:
    function, _, number = resource.physical_id.rpartition(":")
    for alias in site.of_type("AWS::Lambda::Alias"):
        if (
            alias.attributes["AliasArn"].rpartition(":")[0] == function
            and alias.properties["FunctionVersion"] == number
        ):
            raise ValueError(f"version {number} is in use by the alias {alias.properties['Name']}")
    site.clients.call("lambda", "DeleteFunction", FunctionName=function, Qualifier=number)


def _create_alias(site: Site, declared: Declared) -> Created:
    answer = site.clients.call(
        "lambda", "CreateAlias", **declared.only("FunctionName", "FunctionVersion", "Name", "Description")
    )
    return Created(answer["AliasArn"], {"AliasArn": answer["AliasArn"]})


def _provision(site: Site, alias: Resource) -> None:
    """Check the call only: moto has no provisioned concurrency."""
    place = {"FunctionName": alias.properties["FunctionName"], "Qualifier": alias.properties["Name"]}
    if provisioned := alias.properties.get("ProvisionedConcurrencyConfig"):
        site.clients.check("lambda", "PutProvisionedConcurrencyConfig", **place, **provisioned)
    else:
        site.clients.check("lambda", "DeleteProvisionedConcurrencyConfig", **place)


def _update_alias(site: Site, resource: Resource, declared: Declared) -> Created:
    """Move the alias; with an update policy, a deployment by CodeDeploy does that before the update ends."""
    before, after = (of["FunctionVersion"] for of in (resource.properties, declared.properties))
    policy = declared.update_policy.get("CodeDeployLambdaAliasUpdate")
    if before != after and policy:
        site.shift(Shift(resource, before, after, policy["ApplicationName"], policy["DeploymentGroupName"],
                         policy.get("BeforeAllowTrafficHook", "")))  # fmt: skip
    route_alias(site, resource, after)
    return Created(resource.physical_id, resource.attributes)


def route_alias(site: Site, alias: Resource, version: str, weights: Mapping[str, float] | None = None) -> None:
    """Let an alias serve a version, as CodeDeploy does.

    Args:
        site: where it is.
        alias: the resource.
        version: that serves the requests.
        weights: shares of requests, from 0 to 1, that other versions serve instead, by version.
    """
    site.clients.call(
        "lambda", "UpdateAlias", FunctionName=alias.properties["FunctionName"], Name=alias.properties["Name"],
        FunctionVersion=version, RoutingConfig={"AdditionalVersionWeights": dict(weights or {})},
    )  # fmt: skip


def _delete_alias(site: Site, resource: Resource) -> None:
    function, name = resource.properties["FunctionName"], resource.properties["Name"]
    site.clients.call("lambda", "DeleteAlias", FunctionName=function, Name=name)


def _create_permission(site: Site, declared: Declared) -> Created:
    statement = declared.name(maximum=100)
    site.clients.call("lambda", "AddPermission", StatementId=statement, **declared.properties)
    return Created(statement, {"Id": statement})


def _delete_permission(site: Site, resource: Resource) -> None:
    function = resource.properties["FunctionName"]
    site.clients.call("lambda", "RemovePermission", FunctionName=function, StatementId=resource.physical_id)


def _create_capacity(site: Site, declared: Declared) -> Created:
    name = declared.properties.get("CapacityProviderName") or declared.name(maximum=140)
    site.refuse_duplicate(declared, name)
    tags = _tags(declared)
    site.clients.check(
        "lambda", "CreateCapacityProvider", CapacityProviderName=name,
        **declared.without("CapacityProviderName", "Tags"), **tags,
    )  # fmt: skip
    operator = declared.properties["PermissionsConfig"]["CapacityProviderOperatorRoleArn"]
    arn = site.account.arn("lambda", f"capacity-provider:{name}")
    context = {"aws:SourceAccount": (site.account.id,), "aws:SourceArn": (arn,)}
    credentials = site.authority.assume(operator, "operator", by=LAMBDA, context=context)
    _require_operator(site, operator, site.authority.principal_of(credentials.access_key_id))
    return Created(name, {"Arn": arn})


def _require_operator(site: Site, operator: str, principal: Principal) -> None:
    """Refuse an operator role that cannot start instances: AWS would accept it, and no version would get ready.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-operator-role.html
    """
    managed = [
        policy
        for role in site.of_type("AWS::IAM::Role")
        if role.attributes["Arn"] == operator
        for policy in role.properties.get("ManagedPolicyArns", [])
    ]
    may_start = evaluate(principal.statements, Request("ec2:RunInstances", "*", {}, principal)) is Decision.ALLOW
    if not may_start and not any(policy.endswith(f"/{_OPERATOR_POLICY}") for policy in managed):
        raise ValueError(f"PermissionsConfig: the role {operator} may not start instances; give it {_OPERATOR_POLICY}")


def _update_capacity(site: Site, resource: Resource, declared: Declared) -> Created:
    changes = declared.only("CapacityProviderScalingConfig")
    site.clients.check("lambda", "UpdateCapacityProvider", CapacityProviderName=resource.physical_id, **changes)
    return Created(resource.physical_id, resource.attributes)


def _delete_capacity(site: Site, resource: Resource) -> None:
    site.clients.check("lambda", "DeleteCapacityProvider", CapacityProviderName=resource.physical_id)


_CONFIGURATION = (
    "Role", "Handler", "Description", "Timeout", "MemorySize", "Runtime", "VpcConfig", "Environment", "TracingConfig",
    "SnapStart", "EphemeralStorage", "LoggingConfig", "CapacityProviderConfig", "Layers", "KmsKeyArn",
)  # fmt: skip
_FUNCTION_CHANGES = frozenset(_CONFIGURATION) | names("Code Architectures ReservedConcurrentExecutions")

TYPES = (
    ResourceType(
        "AWS::Lambda::Function",
        _FUNCTION_CHANGES | names("FunctionName Tags"),
        _create_function,
        _delete_function,
        update=_update_function,
        configure=_reserve,
        changeable=_FUNCTION_CHANGES,
        named_by="FunctionName",
        droppable=names("ReservedConcurrentExecutions"),
    ),
    ResourceType("AWS::Lambda::Version", names("FunctionName Description CodeSha256"), _publish, _delete_version),
    ResourceType(
        "AWS::Lambda::Alias",
        names("FunctionName FunctionVersion Name Description ProvisionedConcurrencyConfig"),
        _create_alias,
        _delete_alias,
        update=_update_alias,
        configure=_provision,
        changeable=names("FunctionVersion ProvisionedConcurrencyConfig"),
        named_by="Name",
        droppable=names("ProvisionedConcurrencyConfig"),
    ),
    ResourceType(
        "AWS::Lambda::Permission",
        names("FunctionName Action Principal SourceAccount SourceArn"),
        _create_permission,
        _delete_permission,
    ),
    ResourceType(
        "AWS::Lambda::CapacityProvider",
        names(
            "CapacityProviderName VpcConfig PermissionsConfig InstanceRequirements CapacityProviderScalingConfig"
            " KmsKeyArn Tags"
        ),
        _create_capacity,
        _delete_capacity,
        update=_update_capacity,
        changeable=names("CapacityProviderScalingConfig"),
        named_by="CapacityProviderName",
    ),
)

"""Checks of the order of creation. Each returns one sentence for each fault.

CloudFormation creates resources side by side where nothing orders them. A version that is published early can be used
before it works: SnapStart and provisioned concurrency initialize it at once.
"""

from collections.abc import Iterator
from typing import Any

from devstack.template.dependencies import closure
from devstack.template.resolver import references
from devstack.template.stack import Properties, Stack

STORE_TYPES = "AWS::ElastiCache::"
INVOKERS = {
    "AWS::ApiGatewayV2::Integration": ("IntegrationUri", "apigateway.amazonaws.com"),
    "AWS::SecretsManager::RotationSchedule": ("RotationLambdaARN", "secretsmanager.amazonaws.com"),
}
"""Types that have a service invoke a function: the property that names the function, and the service."""


def versions_without_a_way_out(stack: Stack) -> list[str]:
    """Find what the recommend function's version needs but does not wait for."""
    function, _ = stack.recommend
    versions = [
        name for name, version in stack.of_type("AWS::Lambda::Version").items() if function in {*references(version)}
    ]
    return [
        f"{version} may exist before {needed}"
        for version in versions
        for needed in sorted({*_network(stack), *_access(stack)} - closure(stack.resources, version))
    ]


def invocations_without_permission(stack: Stack) -> list[str]:
    """Find services that may invoke a function before they have the permission."""
    faults = []
    for kind, (target, service) in INVOKERS.items():
        for name, invoker in stack.of_type(kind).items():
            called = {*references(invoker[target])}
            permissions = {
                permission
                for permission, granted in stack.of_type("AWS::Lambda::Permission").items()
                if granted["Principal"] == service and called <= {*references(granted["FunctionName"])}
            }
            if not permissions & closure(stack.resources, name):
                faults.append(f"{name} may exist before {service} may invoke {', '.join(sorted(called))}")
    return faults


def scaling_without_its_target(stack: Stack) -> list[str]:
    """Find scalable targets that may exist before the alias that they name as text."""
    aliases = {*stack.of_type("AWS::Lambda::Alias")}
    return [
        f"{name} may exist before {alias}"
        for name in stack.of_type("AWS::ApplicationAutoScaling::ScalableTarget")
        for alias in sorted(aliases - closure(stack.resources, name))
    ]


def _network(stack: Stack) -> Iterator[str]:
    """Yield subnets, route associations, endpoints and security groups with their rules."""
    (network,) = [
        properties["VpcConfig"]
        for properties in (stack.recommend[1], *stack.of_type("AWS::Lambda::CapacityProvider").values())
        if "VpcConfig" in properties
    ]
    subnets, groups = {*references(network["SubnetIds"])}, {*references(network["SecurityGroupIds"])}
    yield from subnets | groups
    # An association replaces the main route table, and with it the route to a gateway endpoint.
    associations = _referring(stack, "AWS::EC2::SubnetRouteTableAssociation", "SubnetId", subnets)
    yield from associations
    tables = {table for name in associations for table in references(stack.resources[name]["Properties"])} - subnets
    yield from _referring(stack, "AWS::EC2::Route", "RouteTableId", tables)
    endpoints = stack.of_type("AWS::EC2::VPCEndpoint")
    yield from endpoints
    reached = {*groups, *references([endpoint.get("SecurityGroupIds") for endpoint in endpoints.values()])}
    for name in _store(stack):
        reached |= {*references(stack.resources[name].get("Properties", {}).get("SecurityGroupIds"))}
    yield from reached
    for kind in ("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"):
        yield from _referring(stack, kind, "GroupId", reached)


def _access(stack: Stack) -> Iterator[str]:
    """Yield roles with their policies, what the policies allow, the store with its users, and resource policies."""
    roles = {*references(stack.recommend[1]["Role"])}
    for provider in stack.of_type("AWS::Lambda::CapacityProvider").values():
        roles |= {*references(provider["PermissionsConfig"])}
    yield from roles
    for kind, key in (
        ("AWS::IAM::Policy", "Roles"),
        ("AWS::IAM::ManagedPolicy", "Roles"),
        ("AWS::IAM::RolePolicy", "RoleName"),
    ):
        yield from _referring(stack, kind, key, roles)
    for role in roles:
        yield from _existing(stack, references(stack.resources[role]["Properties"]))
    yield from _store(stack)
    for name, policy in stack.of_type("AWS::S3::BucketPolicy").items():
        # Ours only denies, so a bucket without it refuses nothing that the function does.
        if any(statement["Effect"] == "Allow" for statement in policy["PolicyDocument"]["Statement"]):
            yield name
    yield from stack.of_type("AWS::SecretsManager::ResourcePolicy")


def _store(stack: Stack) -> set[str]:
    return {name for name, resource in stack.resources.items() if resource["Type"].startswith(STORE_TYPES)}


def _existing(stack: Stack, names: Iterator[str]) -> set[str]:
    return {*names} & stack.resources.keys()


def _referring(stack: Stack, kind: str, key: str, targets: set[str]) -> set[str]:
    """Return the resources of a type whose property refers to one of the targets."""

    def refers(properties: Properties) -> bool:
        value: Any = properties.get(key)
        return bool({*references(value)} & targets)

    return {name for name, properties in stack.of_type(kind).items() if refers(properties)}

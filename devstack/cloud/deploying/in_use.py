"""Deletions that AWS refuses because another resource needs the resource."""

from collections.abc import Iterator
from typing import Any

from devstack.cloud.deploying.resource_type import Site
from devstack.cloud.resources import Resource

_CACHES = ("AWS::ElastiCache::ServerlessCache", "AWS::ElastiCache::ReplicationGroup")
_INTERFACES = ("AWS::Lambda::Function", "AWS::Lambda::CapacityProvider", "AWS::EC2::VPCEndpoint")
USERS: dict[str, tuple[str, ...]] = {
    "AWS::ElastiCache::UserGroup": _CACHES,
    "AWS::ElastiCache::SubnetGroup": ("AWS::ElastiCache::ReplicationGroup",),
    "AWS::EC2::SecurityGroup": (
        *_CACHES,
        *_INTERFACES,
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
    ),
    "AWS::EC2::Subnet": (*_INTERFACES, "AWS::ElastiCache::ServerlessCache", "AWS::ElastiCache::SubnetGroup"),
    "AWS::EC2::RouteTable": ("AWS::EC2::SubnetRouteTableAssociation",),
    "AWS::EC2::VPC": ("AWS::EC2::Subnet", "AWS::EC2::SecurityGroup", "AWS::EC2::VPCEndpoint", "AWS::EC2::RouteTable"),
    "AWS::Lambda::CapacityProvider": ("AWS::Lambda::Function",),
    "AWS::ApiGatewayV2::Authorizer": ("AWS::ApiGatewayV2::Route",),
    "AWS::ApiGatewayV2::Integration": ("AWS::ApiGatewayV2::Route",),
}
"""By the type of a resource: the types whose resources keep it from being deleted."""


def refuse_use(site: Site, resource: Resource) -> None:
    """Refuse to delete a resource that another one needs.

    Raises:
        ValueError: it is in use.
    """
    names = {resource.physical_id, *(resource.attributes.get(name, resource.physical_id) for name in ("Arn", "ARN"))}
    for user in site.of_type(*USERS.get(resource.type, ())):
        if user.physical_id == resource.physical_id:
            continue
        # a rule's own group does not matter: the rule ends with it
        properties = {key: value for key, value in user.properties.items() if key != "GroupId"}
        if any(text in names or text.rpartition("/")[2] in names for text in _texts(properties)):
            raise ValueError(f"{resource.physical_id} is in use by {user.physical_id} ({user.logical_id})")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)

"""Whether security groups let a connection pass: egress of the caller's groups, ingress of the server's."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from devstack.cloud.resources import Deployment, Resource

TYPE = "AWS::EC2::SecurityGroup"
_ALL = {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}
_TCP = ("tcp", "6")
_NAMES = ("Arn", "GroupId", "Id", "RouteTableId", "SubnetId", "VpcEndpointId")
"""Attributes that name their resource itself."""
_MODELLED = {
    "IpProtocol",
    "FromPort",
    "ToPort",
    "CidrIp",
    "CidrIpv6",
    "Description",
    "GroupId",
    "SourceSecurityGroupId",
    "DestinationSecurityGroupId",
}


@dataclass(frozen=True)
class Peer:
    """One side of a connection: its IPv4 address, and the ids of its security groups."""

    address: str
    groups: frozenset[str] = frozenset()


class SecurityGroups:
    """The security groups of a deployment with their rules.

    Raises:
        ValueError: a rule has a property that is not modelled.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._groups = {name: group for group in deployment.of_type(TYPE) for name in ids(group)}
        self._extra = {
            "Egress": list(deployment.of_type(f"{TYPE}Egress")),
            "Ingress": list(deployment.of_type(f"{TYPE}Ingress")),
        }

    def allow(self, caller: Peer, server: Peer, port: int) -> bool:
        """Return whether a TCP connection passes.

        A server without groups is outside the VPC or is a gateway endpoint: only the caller's rules count.
        """
        leaves = any(_matches(rule, server, port) for rule in self._rules(caller.groups, "Egress"))
        enters = any(_matches(rule, caller, port) for rule in self._rules(server.groups, "Ingress"))
        return leaves and (enters or not server.groups)

    def _rules(self, groups: Iterable[str], direction: str) -> Iterable[Mapping[str, Any]]:
        for name in groups:
            group = self._groups.get(name)
            if group is None:
                raise ValueError(f"security group {name} is not in the template")
            rules = [
                *group.properties.get(f"SecurityGroup{direction}", ()),
                *(rule.properties for rule in self._extra[direction] if rule.properties["GroupId"] in ids(group)),
            ]
            for rule in rules:
                if unknown := rule.keys() - _MODELLED:
                    raise ValueError(f"{group.logical_id}: {sorted(unknown)} of a rule is not modelled")
            # AWS gives a group without rules for what leaves it one that allows everything:
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroupegress.html
            yield from rules if rules or direction == "Ingress" else [_ALL]


def ids(resource: Resource) -> frozenset[str]:
    """Return every name that references to a resource resolve to."""
    attributes = resource.attributes
    return frozenset((resource.physical_id, *(attributes[name] for name in _NAMES if name in attributes)))


def _matches(rule: Mapping[str, Any], peer: Peer, port: int) -> bool:
    protocol = str(rule["IpProtocol"])
    if protocol != "-1" and not (protocol in _TCP and int(rule["FromPort"]) <= port <= int(rule["ToPort"])):
        return False
    if "CidrIp" in rule:
        return ipaddress.ip_address(peer.address) in ipaddress.ip_network(rule["CidrIp"], strict=False)
    return {rule.get("SourceSecurityGroupId"), rule.get("DestinationSecurityGroupId")} & peer.groups != set()

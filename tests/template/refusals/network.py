"""Refusals of EC2: networks, endpoints and security groups."""

import re
from collections.abc import Iterator
from ipaddress import ip_network
from itertools import combinations
from typing import Any

from devstack.template.stack import Properties
from tests.template.refusals.cloud import Cloud
from tests.template.refusals.types import ABSENT, AWS, Planted, Refusal, compact, is_true

SUBNET, ENDPOINT, GROUP = "AWS::EC2::Subnet", "AWS::EC2::VPCEndpoint", "AWS::EC2::SecurityGroup"
RULES = ("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress")
EC2 = f"{AWS}/AWSEC2/latest/APIReference"
VPC = f"{AWS}/vpc/latest"
TEXT = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}")


def _rules(properties: Properties) -> Iterator[Any]:
    """Yield the rules of a group, or the rule that is a resource of its own."""
    if "GroupId" in properties:
        yield properties
    yield from properties.get("SecurityGroupIngress", [])
    yield from properties.get("SecurityGroupEgress", [])


def _outside(subnet: Properties, cloud: Cloud) -> bool:
    return not ip_network(subnet["CidrBlock"]).subnet_of(ip_network(cloud.named(subnet["VpcId"])["CidrBlock"]))  # type: ignore[arg-type]


def _overlaps(subnet: Properties, cloud: Cloud) -> bool:
    blocks = [ip_network(other["CidrBlock"]) for _, other in cloud.of_type(SUBNET) if other["VpcId"] == subnet["VpcId"]]
    return any(first.overlaps(second) for first, second in combinations(blocks, 2))


def _zone_twice(endpoint: Properties, cloud: Cloud) -> bool:
    zones = [cloud.named(subnet).get("AvailabilityZone", subnet) for subnet in endpoint.get("SubnetIds", [])]
    return len(set(zones)) < len(zones)


def _names_without_dns(endpoint: Properties, cloud: Cloud) -> bool:
    vpc = cloud.named(endpoint["VpcId"])
    return is_true(endpoint.get("PrivateDnsEnabled")) and not all(
        is_true(vpc.get(key)) for key in ("EnableDnsSupport", "EnableDnsHostnames")
    )


def _gateway_with_interfaces(endpoint: Properties, _: Cloud) -> bool:
    interface_only = endpoint.keys() & {"SubnetIds", "SecurityGroupIds", "PrivateDnsEnabled"}
    return endpoint.get("VpcEndpointType", "Gateway") == "Gateway" and bool(interface_only)


NETWORK = (
    Refusal(
        "subnet-size",
        (SUBNET,),
        "A subnet has a netmask of /16 to /28.",
        f"{VPC}/userguide/subnet-sizing.html",
        lambda subnet, _: not 16 <= ip_network(subnet["CidrBlock"]).prefixlen <= 28,
        Planted("PrivateSubnetA", {"CidrBlock": "10.0.0.0/29"}),
    ),
    Refusal(
        "subnet-outside",
        (SUBNET,),
        "A subnet lies in the block of its VPC.",
        f"{VPC}/userguide/subnet-sizing.html",
        _outside,
        Planted("PrivateSubnetB", {"CidrBlock": "10.0.2.0/24"}),
    ),
    Refusal(
        "subnets-overlap",
        (SUBNET,),
        "Subnets of a VPC do not overlap.",
        f"{VPC}/userguide/subnet-sizing.html",
        _overlaps,
        Planted("PrivateSubnetB", {"CidrBlock": "10.0.0.128/25"}),
    ),
    Refusal(
        "endpoint-twice-in-a-zone",
        (ENDPOINT,),
        "An interface endpoint has one subnet per availability zone.",
        f"{VPC}/privatelink/create-interface-endpoint.html",
        _zone_twice,
        # Two availability zones that are one: a typing error in two parameters.
        Planted("PrivateSubnetB", {"AvailabilityZone": "eu-central-1a"}),
    ),
    Refusal(
        "endpoint-names-without-dns",
        (ENDPOINT,),
        "Private DNS names need EnableDnsSupport and EnableDnsHostnames of the VPC.",
        f"{EC2}/API_CreateVpcEndpoint.html",
        _names_without_dns,
        Planted("Vpc", {"EnableDnsHostnames": ABSENT}),
    ),
    Refusal(
        "gateway-with-interfaces",
        (ENDPOINT,),
        "Only interface endpoints have subnets, security groups and private DNS names.",
        f"{EC2}/API_CreateVpcEndpoint.html",
        _gateway_with_interfaces,
        Planted("S3Endpoint", {"PrivateDnsEnabled": True}),
    ),
    Refusal(
        "endpoint-policy-length",
        (ENDPOINT,),
        "An endpoint's policy has at most 20480 characters.",
        f"{VPC}/privatelink/vpc-limits-endpoints.html",
        lambda endpoint, _: len(compact(endpoint.get("PolicyDocument", {}))) > 20480,
        Planted("S3Endpoint", {"PolicyDocument.Statement.0.Sid": "x" * 20480}),
    ),
    Refusal(
        "rule-description",
        (GROUP, *RULES),
        "A rule's description has at most 255 characters of a-z, A-Z, 0-9, spaces and ._-:/()#,@[]+=&;{}!$*.",
        f"{EC2}/API_IpRange.html",
        lambda group, _: any(not TEXT.fullmatch(rule.get("Description", "")) for rule in _rules(group)),
        Planted("FunctionToStore", {"Description": "Function → store"}),
    ),
)

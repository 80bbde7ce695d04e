"""Which servers callers can reach, from the resources of a template: names, addresses, endpoints, security groups.

A name always resolves, as in AWS. If no route leads to its address, connections to it time out.
"""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from devstack.cloud.network.security_groups import Peer, SecurityGroups, ids
from devstack.cloud.resources import Deployment, Resource

SERVICES = ("s3", "secretsmanager", "lambda", "codedeploy", "logs", "xray", "sts", "kms")
"""The services that functions and other actors call over HTTPS."""
STORE = "elasticache"
HTTPS = 443
PUBLIC = ipaddress.ip_network("198.51.100.0/24")
"""Stands for the public addresses of AWS (TEST-NET-2, RFC 5737)."""
SUFFIXES = {"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}
CALLER, ENDPOINTS, STORES = 10, 20, 60
"""Where the addresses of each kind begin in a subnet; AWS keeps the first four."""
MODELLED = {
    f"AWS::EC2::{kind}"
    for kind in (
        "VPC",
        "Subnet",
        "RouteTable",
        "SubnetRouteTableAssociation",
        "VPCEndpoint",
        "SecurityGroup",
        "SecurityGroupEgress",
        "SecurityGroupIngress",
    )
}


@dataclass(frozen=True)
class Route:
    """How a server is reached.

    Attributes:
        service: of `SERVICES`, or `STORE`.
        hosts: its names.
        address: IPv4.
        port: TCP.
        is_open: False if connections time out.
        endpoint: the VPC endpoint that leads there.
        vpc_id: the caller's VPC, if requests go through an endpoint.
        server: the store's resource.
    """

    service: str
    hosts: tuple[str, ...]
    address: str
    port: int
    is_open: bool
    endpoint: Resource | None = None
    vpc_id: str | None = None
    server: Resource | None = None


@dataclass(frozen=True)
class VpcConfig:
    """The subnets and security groups of a function, or of the instances that it runs on."""

    subnets: tuple[str, ...]
    groups: frozenset[str]


def vpc_config(deployment: Deployment, properties: Mapping[str, Any]) -> VpcConfig | None:
    """Return where a function's environments are; None: outside of any VPC of the account.

    Args:
        deployment: with the capacity provider, if the function runs on managed instances.
        properties: of the function.

    Raises:
        ValueError: the capacity provider is not in the template.
    """
    config = properties.get("VpcConfig")
    managed = properties.get("CapacityProviderConfig", {}).get("LambdaManagedInstancesCapacityProviderConfig")
    if managed is not None:
        arn = managed["CapacityProviderArn"]
        providers = [p for p in deployment.of_type("AWS::Lambda::CapacityProvider") if arn in ids(p)]
        if not providers:
            raise ValueError(f"capacity provider {arn} is not in the template")
        config = providers[0].properties["VpcConfig"]
    if not config or not config.get("SubnetIds"):
        return None
    return VpcConfig(tuple(config["SubnetIds"]), frozenset(config.get("SecurityGroupIds", ())))


def internet_routes(deployment: Deployment) -> tuple[Route, ...]:
    """Return the routes of callers outside the VPC: every AWS service, and not the store."""
    services = [
        Route(service, hosts(deployment, service), public_address(service), HTTPS, is_open=True) for service in SERVICES
    ]
    return (*services, *_store_routes(deployment, None, None))


def caller_address(deployment: Deployment, config: VpcConfig) -> str:
    """Return the address of a caller in its first subnet."""
    return str(_block(_resource(deployment, "Subnet", config.subnets[0]))[CALLER])


def vpc_routes(deployment: Deployment, config: VpcConfig) -> tuple[Route, ...]:
    """Return the routes of callers in a VPC.

    Raises:
        ValueError: the template has network resources that are not modelled, or refers to others.
    """
    for resource in deployment.resources.values():
        if resource.type.startswith("AWS::EC2::") and resource.type not in MODELLED:
            raise ValueError(f"{resource.logical_id}: {resource.type} is not modelled by the local network")
    subnets = [_resource(deployment, "Subnet", subnet) for subnet in config.subnets]
    (vpc_id,) = {subnet.properties["VpcId"] for subnet in subnets}
    caller = Peer(caller_address(deployment, config), config.groups)
    services = [_service_route(deployment, service, config, caller, vpc_id) for service in SERVICES]
    return (*services, *_store_routes(deployment, caller, vpc_id))


def hosts(deployment: Deployment, service: str) -> tuple[str, ...]:
    """Return the names of a service; S3 has one for each bucket, too."""
    account = deployment.account
    host = f"{service}.{account.region}.{SUFFIXES[account.partition]}"
    buckets = deployment.of_type("AWS::S3::Bucket") if service == "s3" else ()
    return (host, *(f"{bucket.physical_id}.{host}" for bucket in buckets))


def public_address(service: str) -> str:
    """Return the address of a service outside the VPC."""
    return str(PUBLIC[1 + SERVICES.index(service)])


def _service_route(deployment: Deployment, service: str, config: VpcConfig, caller: Peer, vpc_id: str) -> Route:
    names = hosts(deployment, service)
    wanted = f"com.amazonaws.{deployment.account.region}.{service}"
    groups = SecurityGroups(deployment)
    route = Route(service, names, public_address(service), HTTPS, is_open=False)
    for number, endpoint in enumerate(deployment.of_type("AWS::EC2::VPCEndpoint")):
        properties = endpoint.properties
        if properties["ServiceName"] != wanted or properties["VpcId"] != vpc_id:
            continue
        if properties.get("VpcEndpointType", "Gateway") == "Gateway":
            tables = [_route_table(deployment, subnet) for subnet in config.subnets]
            is_routed = all(table in properties.get("RouteTableIds", ()) for table in tables)
            is_open = is_routed and groups.allow(caller, Peer(route.address), HTTPS)
            if is_open or not route.is_open:
                route = Route(service, names, route.address, HTTPS, is_open, endpoint, vpc_id)
        elif _answers_for_service(deployment, endpoint, vpc_id):
            subnet = _resource(deployment, "Subnet", properties["SubnetIds"][0])
            server = Peer(str(_block(subnet)[ENDPOINTS + number]), frozenset(properties.get("SecurityGroupIds", ())))
            is_open = bool(server.groups) and groups.allow(caller, server, HTTPS)
            route = Route(service, names, server.address, HTTPS, is_open, endpoint, vpc_id)
    return route


def _answers_for_service(deployment: Deployment, endpoint: Resource, vpc_id: str) -> bool:
    """Return whether the service's own name resolves to an interface endpoint."""
    vpc = _resource(deployment, "VPC", vpc_id)
    # https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html
    switches = (
        endpoint.properties.get("PrivateDnsEnabled", False),
        vpc.properties.get("EnableDnsSupport", True),
        vpc.properties.get("EnableDnsHostnames", False),
        endpoint.properties.get("SubnetIds"),
    )
    return all(switch and str(switch).lower() != "false" for switch in switches)


def _store_routes(deployment: Deployment, caller: Peer | None, vpc_id: str | None) -> Iterator[Route]:
    """Yield the routes to the session stores; they are closed for callers outside the VPC."""
    kinds = {
        "AWS::ElastiCache::ServerlessCache": ("Endpoint", "ReaderEndpoint"),
        "AWS::ElastiCache::ReplicationGroup": ("PrimaryEndPoint", "ReaderEndPoint"),
    }
    stores = [resource for resource in deployment.resources.values() if resource.type in kinds]
    for number, store in enumerate(stores):
        primary, reader = kinds[store.type]
        names = [store.attributes.get(f"{kind}.Address") for kind in (primary, reader)]
        port = int(store.attributes[f"{primary}.Port"])
        subnet = _resource(deployment, "Subnet", _store_subnets(deployment, store)[0])
        server = Peer(str(_block(subnet)[STORES + number]), frozenset(store.properties.get("SecurityGroupIds", ())))
        is_near = subnet.properties["VpcId"] == vpc_id and bool(server.groups)
        is_open = caller is not None and is_near and SecurityGroups(deployment).allow(caller, server, port)
        yield Route(STORE, tuple(dict.fromkeys(filter(None, names))), server.address, port, is_open, server=store)


def _store_subnets(deployment: Deployment, store: Resource) -> Sequence[str]:
    subnets: Sequence[str] = store.properties.get("SubnetIds", ())
    for group in deployment.of_type("AWS::ElastiCache::SubnetGroup"):
        if store.properties.get("CacheSubnetGroupName") in ids(group):
            subnets = group.properties["SubnetIds"]
    if not subnets:
        raise ValueError(f"{store.logical_id} has no subnets in the template; it would be in the default VPC")
    return subnets


def _route_table(deployment: Deployment, subnet: str) -> str | None:
    """Return the id of a subnet's own route table; None: the VPC's main table, which no template can change."""
    for association in deployment.of_type("AWS::EC2::SubnetRouteTableAssociation"):
        if association.properties["SubnetId"] == subnet:
            return str(association.properties["RouteTableId"])
    return None


def _block(subnet: Resource) -> ipaddress.IPv4Network:
    return ipaddress.IPv4Network(subnet.properties["CidrBlock"])


def _resource(deployment: Deployment, kind: str, name: str) -> Resource:
    for resource in deployment.of_type(f"AWS::EC2::{kind}"):
        if name in ids(resource):
            return resource
    raise ValueError(f"{kind} {name} is not in the template")

"""EC2: the VPC, its subnets, routes, endpoints and security groups."""

from collections.abc import Mapping
from typing import Any

from devstack.cloud.deploying.clients import endpoint_services
from devstack.cloud.deploying.documents import resource_policy
from devstack.cloud.deploying.resource_type import Created, Declared, ResourceType, Site, names, only
from devstack.cloud.resources import Resource

_DIRECTIONS = (("SecurityGroupIngress", "Ingress"), ("SecurityGroupEgress", "Egress"))


def _create_vpc(site: Site, declared: Declared) -> Created:
    answer = site.clients.call(
        "ec2", "CreateVpc", **declared.only("CidrBlock", "InstanceTenancy"), **_tags("vpc", declared)
    )
    vpc = answer["Vpc"]
    return Created(vpc["VpcId"], {"VpcId": vpc["VpcId"], "CidrBlock": vpc["CidrBlock"]})


def _set_dns(site: Site, vpc: Resource) -> None:
    for name, value in only(vpc.properties, "EnableDnsSupport", "EnableDnsHostnames").items():
        # one attribute a call
        site.clients.call("ec2", "ModifyVpcAttribute", VpcId=vpc.physical_id, **{name: {"Value": value}})


def _delete_vpc(site: Site, resource: Resource) -> None:
    site.clients.call("ec2", "DeleteVpc", VpcId=resource.physical_id)


def _create_subnet(site: Site, declared: Declared) -> Created:
    answer = site.clients.call(
        "ec2", "CreateSubnet", **declared.only("VpcId", "AvailabilityZone", "CidrBlock"), **_tags("subnet", declared)
    )
    subnet = answer["Subnet"]
    attributes = {name: subnet[name] for name in ("SubnetId", "VpcId", "AvailabilityZone", "CidrBlock")}
    return Created(subnet["SubnetId"], attributes)


def _delete_subnet(site: Site, resource: Resource) -> None:
    site.clients.call("ec2", "DeleteSubnet", SubnetId=resource.physical_id)


def _create_route_table(site: Site, declared: Declared) -> Created:
    answer = site.clients.call("ec2", "CreateRouteTable", **declared.only("VpcId"), **_tags("route-table", declared))
    table = answer["RouteTable"]["RouteTableId"]
    return Created(table, {"RouteTableId": table})


def _delete_route_table(site: Site, resource: Resource) -> None:
    site.clients.call("ec2", "DeleteRouteTable", RouteTableId=resource.physical_id)


def _associate(site: Site, declared: Declared) -> Created:
    association = site.clients.call("ec2", "AssociateRouteTable", **declared.properties)["AssociationId"]
    return Created(association, {"Id": association})


def _disassociate(site: Site, resource: Resource) -> None:
    site.clients.call("ec2", "DisassociateRouteTable", AssociationId=resource.physical_id)


def _create_endpoint(site: Site, declared: Declared) -> Created:
    _require_service(site, declared.properties["ServiceName"])
    if declared.properties.get("PrivateDnsEnabled") in {True, "true"}:
        _require_dns(site, declared.properties["VpcId"])
    answer = site.clients.call(
        "ec2", "CreateVpcEndpoint", **declared.without("PolicyDocument", "Tags"), **_policy(declared),
        **_tags("vpc-endpoint", declared),
    )  # fmt: skip
    endpoint = answer["VpcEndpoint"]["VpcEndpointId"]
    return Created(endpoint, {"Id": endpoint})


def _require_service(site: Site, name: str) -> None:
    service = name.removeprefix(f"com.amazonaws.{site.account.region}.")
    if service not in endpoint_services():
        raise ValueError(f"ServiceName: there is no service {name}")


def _require_dns(site: Site, vpc_id: str) -> None:
    """Refuse private names in a VPC that does not resolve them, as EC2 does and moto does not."""
    vpc = site.find("AWS::EC2::VPC", vpc_id)
    settings = vpc.properties if vpc else {}
    # support is on by default, host names are off: CloudFormation's reference of AWS::EC2::VPC
    if str(settings.get("EnableDnsSupport", True)).lower() != "true":
        raise ValueError("PrivateDnsEnabled needs EnableDnsSupport of the VPC")
    if str(settings.get("EnableDnsHostnames", False)).lower() != "true":
        raise ValueError("PrivateDnsEnabled needs EnableDnsHostnames of the VPC")


def _update_endpoint(site: Site, resource: Resource, declared: Declared) -> Created:
    changes: dict[str, Any] = {}
    for name in ("RouteTableIds", "SubnetIds", "SecurityGroupIds"):
        before, after = (set(of.get(name, [])) for of in (resource.properties, declared.properties))
        changes |= {f"Add{name}": sorted(after - before)} if after - before else {}
        changes |= {f"Remove{name}": sorted(before - after)} if before - after else {}
    policy: dict[str, Any] = _policy(declared) or {"ResetPolicy": True}
    private_names = declared.only("PrivateDnsEnabled")
    site.clients.call(
        "ec2", "ModifyVpcEndpoint", VpcEndpointId=resource.physical_id, **changes, **policy, **private_names
    )
    return Created(resource.physical_id, resource.attributes)


def _delete_endpoint(site: Site, resource: Resource) -> None:
    site.clients.call("ec2", "DeleteVpcEndpoints", VpcEndpointIds=[resource.physical_id])


def _policy(declared: Declared) -> dict[str, str]:
    document = declared.properties.get("PolicyDocument")
    return {"PolicyDocument": resource_policy(document)} if document else {}


def _create_group(site: Site, declared: Declared) -> Created:
    name = declared.properties.get("GroupName") or declared.name(maximum=255)
    answer = site.clients.call(
        "ec2", "CreateSecurityGroup", GroupName=name, Description=declared.properties["GroupDescription"],
        **declared.only("VpcId"), **_tags("security-group", declared),
    )  # fmt: skip
    group = answer["GroupId"]
    if declared.properties.get("SecurityGroupEgress"):
        # EC2 adds a rule that allows everything; CloudFormation removes it if the template has rules
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        site.clients.call("ec2", "RevokeSecurityGroupEgress", GroupId=group, IpPermissions=everything)
    return Created(group, {"GroupId": group, "Id": group, "VpcId": declared.properties.get("VpcId", "")})


def _authorize(site: Site, group: Resource) -> None:
    _change_rules(site, group, "Authorize")


def _change_rules(site: Site, group: Resource, verb: str) -> None:
    for name, direction in _DIRECTIONS:
        if rules := group.properties.get(name):
            permissions = [permission(rule) for rule in rules]
            site.clients.call(
                "ec2", f"{verb}SecurityGroup{direction}", GroupId=group.physical_id, IpPermissions=permissions
            )


def _update_group(site: Site, resource: Resource, _declared: Declared) -> Created:
    _change_rules(site, resource, "Revoke")
    return Created(resource.physical_id, resource.attributes)


def _delete_group(site: Site, resource: Resource) -> None:
    site.clients.call("ec2", "DeleteSecurityGroup", GroupId=resource.physical_id)


def permission(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule of a security group as the EC2 API has it: one permission with one source or destination.

    Unknown names stay, so that the API refuses them.
    """
    result = dict(rule)
    description = {"Description": result.pop("Description")} if "Description" in result else {}
    for name, key, inner in (
        ("CidrIp", "IpRanges", "CidrIp"),
        ("CidrIpv6", "Ipv6Ranges", "CidrIpv6"),
        ("SourceSecurityGroupId", "UserIdGroupPairs", "GroupId"),
        ("DestinationSecurityGroupId", "UserIdGroupPairs", "GroupId"),
        ("SourcePrefixListId", "PrefixListIds", "PrefixListId"),
        ("DestinationPrefixListId", "PrefixListIds", "PrefixListId"),
    ):
        if name in result:
            result[key] = [{inner: result.pop(name), **description}]
    return result


def _create_rule(direction: str) -> Any:
    def create(site: Site, declared: Declared) -> Created:
        answer = site.clients.call(
            "ec2", f"AuthorizeSecurityGroup{direction}", GroupId=declared.properties["GroupId"],
            IpPermissions=[permission(declared.without("GroupId"))],
        )  # fmt: skip
        rule = answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        return Created(rule, {"Id": rule})

    return create


def _delete_rule(direction: str) -> Any:
    def delete(site: Site, resource: Resource) -> None:
        properties = {name: value for name, value in resource.properties.items() if name != "GroupId"}
        site.clients.call(
            "ec2", f"RevokeSecurityGroup{direction}", GroupId=resource.properties["GroupId"],
            IpPermissions=[permission(properties)],
        )  # fmt: skip

    return delete


def _tags(kind: str, declared: Declared) -> dict[str, Any]:
    tags = declared.properties.get("Tags")
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]} if tags else {}


_RULE_PROPERTIES = names("GroupId IpProtocol FromPort ToPort CidrIp CidrIpv6 Description")
_ENDPOINT_CHANGES = names("RouteTableIds SubnetIds SecurityGroupIds PolicyDocument PrivateDnsEnabled")
_GROUP_CHANGES = names("SecurityGroupIngress SecurityGroupEgress")
_DNS = names("EnableDnsSupport EnableDnsHostnames")

TYPES = (
    ResourceType(
        "AWS::EC2::VPC",
        names("CidrBlock InstanceTenancy Tags") | _DNS,
        _create_vpc,
        _delete_vpc,
        configure=_set_dns,
        changeable=_DNS,
    ),
    ResourceType("AWS::EC2::Subnet", names("VpcId AvailabilityZone CidrBlock Tags"), _create_subnet, _delete_subnet),
    ResourceType("AWS::EC2::RouteTable", names("VpcId Tags"), _create_route_table, _delete_route_table),
    ResourceType("AWS::EC2::SubnetRouteTableAssociation", names("RouteTableId SubnetId"), _associate, _disassociate),
    ResourceType(
        "AWS::EC2::VPCEndpoint",
        names("VpcEndpointType VpcId ServiceName Tags") | _ENDPOINT_CHANGES,
        _create_endpoint,
        _delete_endpoint,
        update=_update_endpoint,
        changeable=_ENDPOINT_CHANGES,
        droppable=_ENDPOINT_CHANGES - {"PrivateDnsEnabled"},
    ),
    ResourceType(
        "AWS::EC2::SecurityGroup",
        names("GroupName GroupDescription VpcId Tags") | _GROUP_CHANGES,
        _create_group,
        _delete_group,
        update=_update_group,
        configure=_authorize,
        changeable=_GROUP_CHANGES,
        named_by="GroupName",
        droppable=_GROUP_CHANGES,
    ),
    ResourceType(
        "AWS::EC2::SecurityGroupEgress",
        _RULE_PROPERTIES | names("DestinationSecurityGroupId DestinationPrefixListId"),
        _create_rule("Egress"),
        _delete_rule("Egress"),
    ),
    ResourceType(
        "AWS::EC2::SecurityGroupIngress",
        _RULE_PROPERTIES | names("SourceSecurityGroupId SourcePrefixListId"),
        _create_rule("Ingress"),
        _delete_rule("Ingress"),
    ),
)

"""The network: no way in from outside; only the function reaches the store and the VPC endpoints."""

from typing import Any

import pytest

from devstack.template.stack import Stack, Values, deployed
from tests.template.combinations import COLD, STORE
from tests.template.permissions import statements

STORE_PORT, HTTPS_PORT = 6379, 443
GROUP, ENDPOINT = "AWS::EC2::SecurityGroup", "AWS::EC2::VPCEndpoint"
EVERYWHERE: list[Values] = [cold | dict(store) for cold in map(dict, COLD.values()) for store in STORE.values()]


def sole_group(references: list[dict[str, Any]]) -> str:
    """Return the logical id of the only security group in a list of references."""
    (reference,) = references
    name: str = reference["Ref"]
    return name


def group_id(name: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, "GroupId"]}


def network_of_function(stack: Stack) -> dict[str, Any]:
    """Return the subnets and groups of the function, or of its managed instances."""
    (provider,) = stack.of_type("AWS::Lambda::CapacityProvider").values() or [stack.recommend[1]]
    network: dict[str, Any] = provider["VpcConfig"]
    return network


def cache(stack: Stack) -> dict[str, Any]:
    """Return the properties of the session store, of either kind."""
    kinds = ("AWS::ElastiCache::ServerlessCache", "AWS::ElastiCache::ReplicationGroup")
    (cache,) = [resource for kind in kinds for resource in stack.of_type(kind).values()]
    return cache


@pytest.mark.parametrize("values", EVERYWHERE, ids=str)
def test_store_and_endpoints_admit_the_function_only(values: Values) -> None:
    stack = deployed(values)
    function = sole_group(network_of_function(stack)["SecurityGroupIds"])
    ports = {sole_group(cache(stack)["SecurityGroupIds"]): STORE_PORT}
    for endpoint in stack.of_type(ENDPOINT).values():
        if endpoint["VpcEndpointType"] == "Interface":
            ports[sole_group(endpoint["SecurityGroupIds"])] = HTTPS_PORT

    for name, port in ports.items():
        (rule,) = stack.of_type(GROUP)[name]["SecurityGroupIngress"]

        assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", port, port)
        assert rule["SourceSecurityGroupId"] == group_id(function)
        assert not {"CidrIp", "CidrIpv6", "SourcePrefixListId"} & rule.keys()

    assert stack.of_type("AWS::EC2::SecurityGroupIngress") == {}
    assert "SecurityGroupIngress" not in stack.of_type(GROUP)[function]
    assert set(stack.of_type(GROUP)) == {function, *ports}


def test_the_function_can_reach_the_store_and_https_only(stack: Stack) -> None:
    function = sole_group(network_of_function(stack)["SecurityGroupIds"])
    (https,) = stack.of_type(GROUP)[function]["SecurityGroupEgress"]
    to_store = stack.only("AWS::EC2::SecurityGroupEgress")

    assert (https["FromPort"], https["ToPort"]) == (HTTPS_PORT, HTTPS_PORT)
    assert to_store["GroupId"] == group_id(function)
    assert to_store["DestinationSecurityGroupId"] == group_id(sole_group(cache(stack)["SecurityGroupIds"]))
    assert (to_store["FromPort"], to_store["ToPort"]) == (STORE_PORT, STORE_PORT)


def test_every_group_says_where_its_members_may_connect_to(stack: Stack) -> None:
    # Without such a rule AWS adds one that allows everything.
    assert [name for name, group in stack.of_type(GROUP).items() if not group.get("SecurityGroupEgress")] == []


def test_nodes_outlive_the_loss_of_one() -> None:
    nodes = cache(deployed({"StoreKind": "nodes"}))

    assert nodes["NumCacheClusters"] == 2
    assert nodes["AutomaticFailoverEnabled"] is nodes["MultiAZEnabled"] is True


def test_there_is_no_way_to_or_from_the_internet(stack: Stack) -> None:
    gateways = {
        "AWS::EC2::InternetGateway",
        "AWS::EC2::EgressOnlyInternetGateway",
        "AWS::EC2::NatGateway",
        "AWS::EC2::Route",
        "AWS::EC2::EIP",
    }

    assert gateways & {resource["Type"] for resource in stack.resources.values()} == set()


@pytest.mark.parametrize("values", EVERYWHERE, ids=str)
def test_all_live_in_both_subnets(values: Values) -> None:
    stack = deployed(values)
    subnets = stack.of_type("AWS::EC2::Subnet")
    both = sorted(str({"Ref": name}) for name in subnets)
    assert len({str(subnet["AvailabilityZone"]) for subnet in subnets.values()}) == 2

    groups = [group["SubnetIds"] for group in stack.of_type("AWS::ElastiCache::SubnetGroup").values()]
    interfaces = [endpoint["SubnetIds"] for endpoint in stack.of_type(ENDPOINT).values() if "SubnetIds" in endpoint]
    of_store = groups or [cache(stack)["SubnetIds"]]
    for subnet_ids in (network_of_function(stack)["SubnetIds"], *of_store, *interfaces):
        assert sorted(map(str, subnet_ids)) == both


def test_subnets_are_in_the_chosen_zones() -> None:
    chosen = deployed({"AvailabilityZoneA": "eu-central-1c", "AvailabilityZoneB": "eu-central-1b"})
    default = deployed()

    def zones(stack: Stack) -> list[Any]:
        return [subnet["AvailabilityZone"] for subnet in stack.of_type("AWS::EC2::Subnet").values()]

    assert zones(chosen) == ["eu-central-1c", "eu-central-1b"]
    assert zones(default) == [{"Fn::Select": [number, {"Fn::GetAZs": ""}]} for number in (0, 1)]


def test_s3_is_reached_from_every_subnet(stack: Stack) -> None:
    (gateway,) = [endpoint for endpoint in stack.of_type(ENDPOINT).values() if endpoint["VpcEndpointType"] == "Gateway"]
    associations = stack.of_type("AWS::EC2::SubnetRouteTableAssociation").values()
    served = {
        association["SubnetId"]["Ref"]
        for association in associations
        if association["RouteTableId"] in gateway["RouteTableIds"]
    }

    assert served == set(stack.of_type("AWS::EC2::Subnet"))


def test_each_endpoint_leads_to_this_stacks_own_things(stack: Stack) -> None:
    stack = deployed({"ColdStartStrategy": "managed-instances"})
    through = {
        statement.owner: (set(statement.actions), set(statement.resources))
        for statement in statements(stack)
        if statement.owner_type == ENDPOINT
    }

    assert through == {
        "S3Endpoint": ({"s3:GetObject", "s3:ListBucket"}, {"${ModelBucket.Arn}", "${ModelBucket.Arn}/*"}),
        "SecretsManagerEndpoint": ({"secretsmanager:GetSecretValue"}, {"${KeySecret}"}),
        "LogsEndpoint": ({"logs:CreateLogStream", "logs:PutLogEvents"}, {"${RecommendLogs.Arn}"}),
        "TracesEndpoint": ({"xray:PutTraceSegments", "xray:PutTelemetryRecords"}, {"*"}),
    }

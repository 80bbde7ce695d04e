"""Who can reach whom: nothing comes in from outside, and only the function reaches the store."""

from typing import Any

from tests.template.stack import Stack

STORE_PORT = 6379


def sole_group(references: list[dict[str, Any]]) -> str:
    """Logical id of the one security group referred to."""
    (reference,) = references
    name: str = reference["Ref"]
    return name


def group_id(name: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, "GroupId"]}


def test_the_store_admits_the_function_and_nobody_else(stack: Stack) -> None:
    # GIVEN the groups of the store and of the function
    store = sole_group(stack.only("AWS::ElastiCache::ReplicationGroup")["SecurityGroupIds"])
    function = sole_group(stack.only("AWS::Lambda::Function")["VpcConfig"]["SecurityGroupIds"])

    # WHEN the store's rules are read
    (rule,) = stack.of_type("AWS::EC2::SecurityGroup")[store]["SecurityGroupIngress"]

    # THEN one port is open, to the function's group, and no rule is added elsewhere
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", STORE_PORT, STORE_PORT)
    assert rule["SourceSecurityGroupId"] == group_id(function)
    assert not {"CidrIp", "CidrIpv6", "SourcePrefixListId"} & rule.keys()
    assert stack.of_type("AWS::EC2::SecurityGroupIngress") == {}


def test_the_function_can_reach_the_store_and_https_only(stack: Stack) -> None:
    # GIVEN the function's group
    function = sole_group(stack.only("AWS::Lambda::Function")["VpcConfig"]["SecurityGroupIds"])
    store = sole_group(stack.only("AWS::ElastiCache::ReplicationGroup")["SecurityGroupIds"])
    properties = stack.of_type("AWS::EC2::SecurityGroup")[function]

    # WHEN its ways out are read
    (https,) = properties["SecurityGroupEgress"]
    to_store = stack.only("AWS::EC2::SecurityGroupEgress")

    # THEN there are two, and no way in
    assert "SecurityGroupIngress" not in properties
    assert (https["FromPort"], https["ToPort"]) == (443, 443)
    assert to_store["GroupId"] == group_id(function)
    assert to_store["DestinationSecurityGroupId"] == group_id(store)
    assert (to_store["FromPort"], to_store["ToPort"]) == (STORE_PORT, STORE_PORT)


def test_there_is_no_way_to_or_from_the_internet(stack: Stack) -> None:
    # GIVEN every kind of door that a VPC can have
    doors = {
        "AWS::EC2::InternetGateway",
        "AWS::EC2::EgressOnlyInternetGateway",
        "AWS::EC2::NatGateway",
        "AWS::EC2::Route",
        "AWS::EC2::EIP",
    }

    # WHEN the stack is searched THEN it has none
    assert doors & {resource["Type"] for resource in stack.resources.values()} == set()


def test_function_and_store_live_in_both_subnets(stack: Stack) -> None:
    # GIVEN the subnets, in two availability zones
    subnets = stack.of_type("AWS::EC2::Subnet")
    zones = [str(subnet["AvailabilityZone"]) for subnet in subnets.values()]
    both = [{"Ref": name} for name in subnets]

    # WHEN function and store are placed THEN each has both, so that a zone may fail
    assert len(set(zones)) == 2
    for placed in (
        stack.only("AWS::Lambda::Function")["VpcConfig"]["SubnetIds"],
        stack.only("AWS::ElastiCache::SubnetGroup")["SubnetIds"],
    ):
        assert sorted(map(str, placed)) == sorted(map(str, both))


def test_s3_is_reached_from_every_subnet_and_this_bucket_alone(stack: Stack) -> None:
    # GIVEN the S3 endpoint and the subnets' routes
    endpoint = stack.only("AWS::EC2::VPCEndpoint")
    associations = stack.of_type("AWS::EC2::SubnetRouteTableAssociation").values()
    (statement,) = endpoint["PolicyDocument"]["Statement"]

    # WHEN joined
    served = {
        association["SubnetId"]["Ref"]
        for association in associations
        if association["RouteTableId"] in endpoint["RouteTableIds"]
    }

    # THEN each subnet has the way, and it leads to the model bucket only
    assert endpoint["VpcEndpointType"] == "Gateway"
    assert served == set(stack.of_type("AWS::EC2::Subnet"))
    assert statement["Resource"] == [
        {"Fn::GetAtt": ["ModelBucket", "Arn"]},
        {"Fn::Sub": "${ModelBucket.Arn}/*"},
    ]

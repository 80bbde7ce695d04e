"""Updates of small stacks: what stays, changes in place, is replaced or removed, and how an update is taken back."""

import pytest

from devstack.cloud.deploying.changes import DeploymentFailed
from devstack.cloud.deploying.resource_type import Site
from devstack.cloud.deploying.stacks import delete, deploy, update
from devstack.template.stack import Stack
from tests.devstack.cloud.deploying.conftest import small_stack
from tests.devstack.cloud.deploying.small import alarm, function, role, small, user


def test_the_same_template_changes_nothing(site: Site, stack_name: str) -> None:
    stack = small_stack(User=user("u-user"), Alarm=alarm("u-alarm"))
    deployment = deploy(site, stack, stack_name)
    before = dict(deployment.resources)
    update(site, deployment, stack)
    assert deployment.resources == before
    delete(site, deployment)


@pytest.mark.slow
def test_an_update_keeps_changes_replaces_and_removes(site: Site, stack_name: str) -> None:
    # GIVEN four resources
    vpc = small("AWS::EC2::VPC", CidrBlock="10.0.0.0/23")
    deployment = deploy(
        site,
        small_stack(
            Vpc=vpc,
            Alarm=alarm("u-alarm", AlarmDescription="Old", Threshold=1),
            Subnet=small("AWS::EC2::Subnet", VpcId={"Ref": "Vpc"}, CidrBlock="10.0.0.0/24"),
            User=user("u-user"),
        ),
        stack_name,
    )
    before = dict(deployment.resources)

    # WHEN one stays, one changes in place, one has to be replaced, and one is removed
    update(
        site,
        deployment,
        small_stack(
            Vpc=vpc,
            Alarm=alarm("u-alarm", Threshold=2),
            Subnet=small("AWS::EC2::Subnet", VpcId={"Ref": "Vpc"}, CidrBlock="10.0.1.0/24"),
        ),
    )

    # THEN ids say so, and the services agree
    after = deployment.resources
    assert after["Vpc"] == before["Vpc"]
    assert after["Alarm"].physical_id == before["Alarm"].physical_id
    (found,) = site.clients.call("cloudwatch", "DescribeAlarms", AlarmNames=["u-alarm"])["MetricAlarms"]
    assert (found["Threshold"], found.get("AlarmDescription")) == (2.0, None)
    assert after["Subnet"].physical_id != before["Subnet"].physical_id
    vpc_id = {"Name": "vpc-id", "Values": [after["Vpc"].physical_id]}
    subnets = site.clients.call("ec2", "DescribeSubnets", Filters=[vpc_id])["Subnets"]
    assert [subnet["SubnetId"] for subnet in subnets] == [after["Subnet"].physical_id]
    assert "User" not in after
    assert not list(site.of_type("AWS::ElastiCache::User"))
    delete(site, deployment)


def test_a_failed_update_puts_replaced_resources_back(site: Site, stack_name: str) -> None:
    # GIVEN a subnet with an endpoint
    vpc = small("AWS::EC2::VPC", CidrBlock="10.0.0.0/23")
    subnet = small("AWS::EC2::Subnet", VpcId={"Ref": "Vpc"}, CidrBlock="10.0.0.0/24")
    endpoint = small(
        "AWS::EC2::VPCEndpoint",
        VpcId={"Ref": "Vpc"},
        VpcEndpointType="Interface",
        ServiceName="com.amazonaws.eu-central-1.logs",
        SubnetIds=[{"Ref": "Subnet"}],
    )
    deployment = deploy(site, small_stack(Vpc=vpc, Subnet=subnet, Endpoint=endpoint), stack_name)
    first = dict(deployment.resources)

    # WHEN an update replaces the subnet, moves the endpoint, and a later resource is refused
    other = small("AWS::EC2::Subnet", VpcId={"Ref": "Vpc"}, CidrBlock="10.0.1.0/24")
    bad = {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": "2"}, "DependsOn": "Endpoint"}
    with pytest.raises(DeploymentFailed, match=r"Group .*RetentionInDays: 2"):
        update(site, deployment, small_stack(Vpc=vpc, Subnet=other, Endpoint=endpoint, Group=bad))

    # THEN the first subnet is there, and its replacement is not
    assert deployment.resources == first
    vpc_id = {"Name": "vpc-id", "Values": [first["Vpc"].physical_id]}
    subnets = site.clients.call("ec2", "DescribeSubnets", Filters=[vpc_id])["Subnets"]
    assert [subnet["SubnetId"] for subnet in subnets] == [first["Subnet"].physical_id]
    (found,) = site.clients.call("ec2", "DescribeVpcEndpoints", Filters=[vpc_id])["VpcEndpoints"]
    assert found["SubnetIds"] == [first["Subnet"].physical_id]
    delete(site, deployment)


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_the_template_says_what_becomes_of_a_removed_and_of_a_replaced_resource(
    site: Site, stack_name: str, policy: str
) -> None:
    # GIVEN an alarm and a user
    def stack(**more: str) -> Stack:
        policies = {"DeletionPolicy": policy, "UpdateReplacePolicy": policy}
        replaced = alarm(more.get("name", "u-first"))
        resources = {"Alarm": {"Type": replaced[0], "Properties": replaced[1], **policies}}
        if not more:
            removed = user("u-removed")
            resources["User"] = {"Type": removed[0], "Properties": removed[1], **policies}
        return small_stack(**resources)

    deployment = deploy(site, stack(), stack_name)

    # WHEN an update removes one and replaces the other
    update(site, deployment, stack(name="u-second"))

    # THEN they are deleted, or stay outside of the stack
    assert [resource.physical_id for resource in deployment.resources.values()] == ["u-second"]
    left = {resource.physical_id for resource in site.live.values()}
    assert left == ({"u-second"} if policy == "Delete" else {"u-first", "u-second", "u-removed"})
    names = ["u-first", "u-second"]
    alarms = site.clients.call("cloudwatch", "DescribeAlarms", AlarmNames=names)["MetricAlarms"]
    assert {found["AlarmName"] for found in alarms} == left - {"u-removed"}
    site.clients.call("cloudwatch", "DeleteAlarms", AlarmNames=names)


def test_a_resource_with_a_name_of_its_own_cannot_be_replaced(site: Site, stack_name: str) -> None:
    deployment = deploy(site, small_stack(User=user("u-user")), stack_name)
    with pytest.raises(DeploymentFailed, match="Engine replaces the resource, but UserId u-user is taken"):
        update(site, deployment, small_stack(User=user("u-user", Engine="redis")))
    assert deployment.resources["User"].properties["Engine"] == "valkey"
    delete(site, deployment)


def test_a_property_that_is_no_longer_set_is_refused_where_its_default_is_unknown(site: Site, stack_name: str) -> None:
    deployment = deploy(site, small_stack(Role=role(), Function=function("u-function", Description="x")), stack_name)
    with pytest.raises(DeploymentFailed, match="Description is no longer set"):
        update(site, deployment, small_stack(Role=role(), Function=function("u-function")))
    delete(site, deployment)


def test_a_role_loses_what_its_template_loses(site: Site, stack_name: str) -> None:
    # GIVEN a role with a policy
    deployment = deploy(site, small_stack(Role=role(["s3:GetObject"])), stack_name)
    arn = deployment.resources["Role"].attributes["Arn"]
    key = site.authority.assume(arn, "test", by="lambda.amazonaws.com").access_key_id
    assert site.authority.principal_of(key).statements

    # WHEN the policy goes
    update(site, deployment, small_stack(Role=role()))

    # THEN neither IAM nor the authority has it
    assert not site.authority.principal_of(key).statements
    name = deployment.resources["Role"].physical_id
    assert site.clients.call("iam", "ListRolePolicies", RoleName=name)["PolicyNames"] == []
    delete(site, deployment)

"""A second release: what changes, in which order, and how it is taken back."""

from typing import Any

import pytest

from devstack.cloud.deploying.changes import DeploymentFailed
from devstack.cloud.deploying.inventory import inventory
from devstack.cloud.deploying.resource_type import Shift, Site
from devstack.cloud.deploying.stacks import delete, deploy, update
from devstack.cloud.resources import Deployment
from devstack.template.stack import Stack, Values, deployed
from tests.devstack.cloud.deploying.conftest import small_stack
from tests.devstack.cloud.deploying.small import alarm, function, role, small, user
from tests.template.combinations import COLD, STORE


def alias_serves(site: Site, stack_name: str, alias: str = "live") -> str:
    """Return the version behind an alias of the recommend function."""
    answer = site.clients.call("lambda", "GetAlias", FunctionName=f"{stack_name}-recommend", Name=alias)
    version: str = answer["FunctionVersion"]
    return version


def second_release(values: Values | None = None) -> Stack:
    def change(template: dict[str, Any]) -> None:
        template["Globals"]["Function"]["Environment"]["Variables"]["NEXTITEM_DEADLINE_MS"] = "110"

    return deployed(values, change)


def environment(deployment: Deployment) -> dict[str, str]:
    variables: dict[str, str] = deployment.resources["RecommendFunction"].properties["Environment"]["Variables"]
    return variables


@pytest.mark.slow
def test_a_release_moves_the_alias_when_codedeploy_has_agreed(site: Site, stack_name: str) -> None:
    # GIVEN a deployed stack
    deployment = deploy(site, deployed(), stack_name)
    (first,) = deployment.of_type("AWS::Lambda::Version")
    shifts = []

    def shift(shift: Shift) -> None:
        # THEN the new version exists, the hook knows it, and the alias still serves the old one
        (second,) = (version for version in deployment.of_type("AWS::Lambda::Version") if version is not first)
        assert second.attributes["Version"] == "2"
        hook = deployment.resources["PreTrafficFunction"]
        assert hook.physical_id == shift.hook
        assert hook.properties["Environment"]["Variables"]["NEW_VERSION_ARN"] == second.physical_id
        assert deployment.resources[shift.alias.logical_id] is shift.alias
        assert alias_serves(site, stack_name) == "1"
        shifts.append(shift)

    # WHEN a second release changes a property
    update(site, deployment, second_release(), shift=shift)

    # THEN CodeDeploy was asked once, and the alias serves the new version
    (asked,) = shifts
    assert (asked.before, asked.after) == ("1", "2")
    assert asked.application == deployment.only("AWS::CodeDeploy::Application").physical_id
    assert asked.group == deployment.only("AWS::CodeDeploy::DeploymentGroup").physical_id
    assert alias_serves(site, stack_name) == "2"
    assert environment(deployment)["NEXTITEM_DEADLINE_MS"] == "110"

    # AND the old version is deleted, as the template says, and every resource is in the order of its dependencies
    (second,) = deployment.of_type("AWS::Lambda::Version")
    name = f"{stack_name}-recommend"
    versions = site.clients.call("lambda", "ListVersionsByFunction", FunctionName=name)["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", second.attributes["Version"]]
    seen: set[str] = set()
    for resource in deployment.resources.values():
        assert set(resource.depends_on) <= seen
        seen.add(resource.logical_id)
    delete(site, deployment)


@pytest.mark.slow
def test_a_refused_release_is_rolled_back(site: Site, stack_name: str) -> None:
    # GIVEN a deployed stack
    deployment = deploy(site, deployed(), stack_name)
    before = dict(deployment.resources)

    def refuse(shift: Shift) -> None:
        raise RuntimeError("the new version is bad")

    # WHEN the second release's check fails
    with pytest.raises(RuntimeError, match="the new version is bad"):
        update(site, deployment, second_release(), shift=refuse)

    # THEN the stack is what it was
    assert deployment.resources.keys() == before.keys()
    assert {name: found.properties for name, found in deployment.resources.items()} == {
        name: found.properties for name, found in before.items()
    }
    assert alias_serves(site, stack_name) == "1"
    latest = site.clients.call("lambda", "GetFunctionConfiguration", FunctionName=f"{stack_name}-recommend")
    assert latest["Environment"]["Variables"]["NEXTITEM_DEADLINE_MS"] == "120"

    # AND a third release is possible
    update(site, deployment, second_release(), shift=lambda _: None)
    assert alias_serves(site, stack_name) != "1"
    delete(site, deployment)


@pytest.mark.slow
def test_new_code_alone_is_a_release_only_with_a_new_name_of_its_version(site: Site, stack_name: str) -> None:
    # GIVEN a stack with code of its own
    site.code = {"RecommendFunction": b"PK one"}
    deployment = deploy(site, deployed(), stack_name)
    shifts: list[Shift] = []

    # WHEN other code is deployed by the same template
    site.code = {"RecommendFunction": b"PK two"}
    update(site, deployment, deployed(), shift=shifts.append)

    # THEN the function has it, but no version was published: the name of the version has not changed
    assert shifts == []
    assert alias_serves(site, stack_name) == "1"

    # WHEN the version is named after the code, as `make build` does
    def rename(template: dict[str, Any]) -> None:
        template["Resources"]["RecommendFunction"]["Properties"]["AutoPublishCodeSha256"] = "f" * 64

    update(site, deployment, deployed(None, rename), shift=shifts.append)

    # THEN it is a release
    assert [shift.after for shift in shifts] == ["2"]
    assert alias_serves(site, stack_name) == "2"
    delete(site, deployment)


@pytest.mark.slow
def test_another_kind_of_store_replaces_the_cache_and_the_variable(site: Site, stack_name: str) -> None:
    # GIVEN a stack with a serverless store
    before = inventory(site)
    deployment = deploy(site, deployed(), stack_name)

    # WHEN the parameter changes, and the version's name with it
    update(site, deployment, second_release({**STORE["nodes"]}), shift=lambda _: None)

    # THEN the stack has nodes, and the function their address
    assert "ServerlessCache" not in deployment.resources
    assert not list(site.of_type("AWS::ElastiCache::ServerlessCache"))
    address = deployment.resources["NodeCache"].attributes["PrimaryEndPoint.Address"]
    assert address in environment(deployment)["NEXTITEM_STORE_URL"]
    nested = deployment.nested["Monitoring"]
    assert nested.parameters["StoreKind"] == "nodes"
    assert deployment.parameters["StoreKind"] == "nodes"

    # AND everything can be deleted
    retained = {resource.physical_id for resource in delete(site, deployment)}
    assert {name for _, name in inventory(site) - before} == retained


@pytest.mark.slow
@pytest.mark.parametrize("cold", [name for name in COLD if name != "none"])
def test_another_strategy_is_an_update(site: Site, stack_name: str, cold: str) -> None:
    # GIVEN a stack without a strategy against cold starts
    deployment = deploy(site, deployed(COLD["none"]), stack_name)

    # WHEN it gets one, and then none again
    stack = second_release(COLD[cold])
    update(site, deployment, stack, shift=lambda _: None)

    # THEN its resources are those of the strategy
    assert deployment.resources.keys() == stack.resources.keys()
    back = deployed(COLD["none"])
    update(site, deployment, back, shift=lambda _: None)
    assert deployment.resources.keys() == back.resources.keys()
    delete(site, deployment)


def test_the_same_template_changes_nothing(site: Site, stack_name: str) -> None:
    stack = small_stack(User=user("u-user"), Alarm=alarm("u-alarm"))
    deployment = deploy(site, stack, stack_name)
    before = dict(deployment.resources)
    update(site, deployment, stack)
    assert deployment.resources == before
    delete(site, deployment)


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

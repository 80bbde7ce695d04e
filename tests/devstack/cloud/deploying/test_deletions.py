"""What AWS refuses to delete is refused here; what a template retains stays."""

from collections.abc import Callable
from typing import Any

import pytest

from devstack.cloud.deploying.changes import DeploymentFailed
from devstack.cloud.deploying.resource_type import Site
from devstack.cloud.deploying.stacks import delete
from devstack.cloud.resources import Deployment
from tests.devstack.cloud.deploying.small import (
    Small,
    alarm,
    function,
    role,
    serverless_cache,
    small,
    user,
    user_group,
)

Deploy = Callable[..., Deployment]
GROUPS = {
    "Vpc": small("AWS::EC2::VPC", CidrBlock="10.0.0.0/23"),
    "Group": small("AWS::EC2::SecurityGroup", GroupDescription="Group", VpcId={"Ref": "Vpc"}),
    "Other": small(
        "AWS::EC2::SecurityGroup",
        GroupDescription="Other",
        VpcId={"Ref": "Vpc"},
        SecurityGroupIngress=[
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "SourceSecurityGroupId": {"Ref": "Group"}}
        ],
    ),
}
VERSIONS = {
    "Role": role(),
    "Function": function("d-function"),
    "Version": small("AWS::Lambda::Version", FunctionName={"Ref": "Function"}),
    "Alias": small(
        "AWS::Lambda::Alias",
        FunctionName={"Ref": "Function"},
        Name="live",
        FunctionVersion={"Fn::GetAtt": ["Version", "Version"]},
    ),
}
IN_USE: dict[str, tuple[dict[str, Small], str]] = {
    "user group": (
        {"User": user("d-user"), "Users": user_group("d-users"), "Cache": serverless_cache("d-sessions")},
        "Users",
    ),
    "security group": (GROUPS, "Group"),
    "VPC": (GROUPS, "Vpc"),
    "version": (VERSIONS, "Version"),
    "alarm": (
        {
            "Alarm": alarm("d-alarm"),
            "All": small(
                "AWS::CloudWatch::CompositeAlarm", AlarmName="d-all", AlarmRule={"Fn::Sub": 'ALARM("${Alarm}")'}
            ),
        },
        "Alarm",
    ),
    "suppressor": (
        {
            "Alarm": alarm("d-alarm"),
            "Quiet": alarm("d-quiet"),
            "All": small(
                "AWS::CloudWatch::CompositeAlarm",
                AlarmName="d-all",
                AlarmRule={"Fn::Sub": 'ALARM("${Alarm}")'},
                ActionsSuppressor={"Ref": "Quiet"},
                ActionsSuppressorWaitPeriod=60,
                ActionsSuppressorExtensionPeriod=60,
            ),
        },
        "Quiet",
    ),
}


def keep(resource: Small, **policies: str) -> dict[str, Any]:
    return {"Type": resource[0], "Properties": resource[1], **policies}


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_USE)
def test_a_resource_in_use_stays_until_its_user_is_gone(site: Site, deploy_small: Deploy, name: str) -> None:
    # GIVEN a resource that another one needs
    resources, needed = IN_USE[name]
    deployment = deploy_small(**resources)
    order = list(deployment.resources)

    # WHEN the deletion comes to it first
    deployment.resources = {
        name: deployment.resources[name] for name in [*(other for other in order if other != needed), needed]
    }

    # THEN it is refused
    with pytest.raises(DeploymentFailed, match=rf"^{needed} .*cannot be deleted: "):
        delete(site, deployment)

    # AND the order of CloudFormation works
    deployment.resources = {name: deployment.resources[name] for name in order}
    assert delete(site, deployment) == []
    assert not site.live


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_a_bucket_with_objects_is_retained_or_refused(site: Site, deploy_small: Deploy, policy: str) -> None:
    # GIVEN a bucket whose only object was deleted: versions of it remain
    versioned = small("AWS::S3::Bucket", VersioningConfiguration={"Status": "Enabled"})
    deployment = deploy_small(Bucket=keep(versioned, DeletionPolicy=policy))
    bucket = deployment.only("AWS::S3::Bucket")
    client = site.clients.client("s3")
    client.put_object(Bucket=bucket.physical_id, Key="k", Body=b"1")
    client.delete_object(Bucket=bucket.physical_id, Key="k")

    # WHEN the stack is deleted
    # THEN the template's policy decides
    if policy == "Retain":
        assert delete(site, deployment) == [bucket]
        assert client.head_bucket(Bucket=bucket.physical_id)
    else:
        with pytest.raises(DeploymentFailed, match="BucketNotEmpty"):
            delete(site, deployment)
        assert list(deployment.resources) == ["Bucket"]


def test_a_retained_version_ends_with_its_function(site: Site, deploy_small: Deploy) -> None:
    # GIVEN a version that the template retains, as SAM writes it
    version = keep(VERSIONS["Version"], DeletionPolicy="Retain")
    deployment = deploy_small(**{**VERSIONS, "Version": version})

    # WHEN the stack is deleted
    # THEN nothing is retained, because a deleted function has no versions
    assert delete(site, deployment) == []
    assert not site.live


def test_a_policy_that_an_actor_has_is_not_deleted(site: Site, deploy_small: Deploy) -> None:
    # GIVEN a managed policy that an actor's role has
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    deployment = deploy_small(Policy=small("AWS::IAM::ManagedPolicy", PolicyDocument=document))
    site.authority.assume_with_policy_arns("publisher", [deployment.resources["Policy"].physical_id])

    # WHEN the stack is deleted
    # THEN IAM refuses until the role is gone
    with pytest.raises(DeploymentFailed, match="detach it first"):
        delete(site, deployment)
    site.authority.delete_role(site.account.iam_arn("role/publisher"))
    assert delete(site, deployment) == []


def test_a_deleted_role_can_no_longer_be_assumed(site: Site, deploy_small: Deploy) -> None:
    deployment = deploy_small(Role=role())
    arn = deployment.resources["Role"].attributes["Arn"]
    assert site.authority.assume(arn, "test", by="lambda.amazonaws.com")
    delete(site, deployment)
    with pytest.raises(LookupError):
        site.authority.assume(arn, "test", by="lambda.amazonaws.com")

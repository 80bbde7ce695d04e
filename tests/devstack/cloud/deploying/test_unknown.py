"""Types, properties, policies and values that are not known are refused by name, before anything is created."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from devstack.cloud.deploying.changes import DeploymentFailed
from devstack.cloud.deploying.resource_type import Site
from devstack.cloud.resources import Deployment
from tests.devstack.cloud.deploying.small import Small, function, role, small, user

pytestmark = pytest.mark.usefixtures("leaves_nothing")

Deploy = Callable[..., Deployment]
VPC = small("AWS::EC2::VPC", CidrBlock="10.0.0.0/23", EnableDnsSupport=True, EnableDnsHostnames=True)
REFUSED: dict[str, tuple[Mapping[str, Small | dict[str, Any]], str]] = {
    "type": ({"Queue": small("AWS::SQS::Queue")}, r"Queue: the type AWS::SQS::Queue is not modelled"),
    "property": (
        {"Group": small("AWS::Logs::LogGroup", Retention=3)},
        r"Group \(AWS::Logs::LogGroup\): the property Retention is not modelled",
    ),
    "policy of a deletion": (
        {"User": {"Type": "AWS::ElastiCache::User", "Properties": {}, "DeletionPolicy": "Snapshot"}},
        r"User .*: DeletionPolicy Snapshot is not modelled",
    ),
    "policy of an update": (
        {"User": {"Type": "AWS::ElastiCache::User", "Properties": {}, "UpdatePolicy": {"UseOnlineResharding": True}}},
        r"User .*: UpdatePolicy {'UseOnlineResharding': True} is not modelled",
    ),
    "policy of a creation": (
        {"User": {"Type": "AWS::ElastiCache::User", "Properties": {}, "CreationPolicy": {}}},
        "CreationPolicy is not modelled",
    ),
    "nested property": (
        {"Role": role(), "Function": function("r-function", Environment={"Variable": {}})},
        r"Function \(AWS::Lambda::Function\): refused: Environment\.Variable is unknown",
    ),
    "enumeration": (
        {"Role": role(), "Function": function("r-function", Runtime="python3.99")},
        r"Runtime: 'python3.99' is not one of",
    ),
    "maximum": ({"Role": role(), "Function": function("r-function", MemorySize="40000")}, "MemorySize: 40000"),
    "pattern": ({"User": user("9-begins-with-a-digit")}, "UserId: .* does not match"),
    "required by the API": ({"Vpc": small("AWS::EC2::Subnet", CidrBlock="10.0.0.0/24")}, "VpcId is missing"),
    "required by CloudFormation": ({"Key": small("AWS::KMS::Key")}, "'KeyPolicy' is missing"),
    "attribute": (
        {"Vpc": VPC, "Routes": small("AWS::EC2::RouteTable", VpcId={"Fn::GetAtt": ["Vpc", "Name"]})},
        r"Routes .*: Fn::GetAtt Vpc.Name: there is no such resource or attribute",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_unknown_is_named_and_nothing_is_left(site: Site, deploy_small: Deploy, name: str) -> None:
    # GIVEN resources, one with something unknown
    resources, reason = REFUSED[name]

    # WHEN they are deployed
    # THEN the error names the resource and says why, and nothing exists
    with pytest.raises(DeploymentFailed, match=reason):
        deploy_small(**resources)
    assert not site.stacks
    assert not site.live

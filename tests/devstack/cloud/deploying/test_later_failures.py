"""Roles and parameter groups that AWS may take at first, and that would fail a deployment or its first request."""

from collections.abc import Callable
from typing import Any

import pytest

from devstack.cloud.deploying.changes import DeploymentFailed
from devstack.cloud.deploying.resource_type import Site
from devstack.cloud.deploying.stacks import delete
from devstack.cloud.resources import Deployment
from tests.devstack.cloud.deploying.small import Small, function, role, small
from tests.devstack.cloud.deploying.test_refusals import IN_VPC, NODES, STORE

pytestmark = pytest.mark.usefixtures("leaves_nothing")


def nodes(**properties: Any) -> Small:
    return small("AWS::ElastiCache::ReplicationGroup", **NODES | properties)


def capacity() -> Small:
    operator = {"CapacityProviderOperatorRoleArn": {"Fn::GetAtt": ["Role", "Arn"]}}
    return small("AWS::Lambda::CapacityProvider", PermissionsConfig=operator, VpcConfig=IN_VPC)


REFUSED: dict[str, tuple[dict[str, Small], str]] = {
    "role that cannot trace": (
        {"Role": role(), "Function": function("l-function", TracingConfig={"Mode": "Active"})},
        "TracingConfig: .* xray:PutTraceSegments",
    ),
    "operator that cannot start instances": (
        {"Role": role(["ec2:DescribeInstances"]), "Capacity": capacity()},
        "may not start instances; give it AWSLambdaManagedEC2ResourceOperator",
    ),
    "parameter group of another version": (
        {**STORE, "Cache": nodes(EngineVersion="7.2", CacheParameterGroupName="default.valkey8")},
        "default.valkey8 is not for this engine and version; take default.valkey7",
    ),
    "endpoint that cluster mode does not have": (
        {
            **STORE,
            "Cache": nodes(CacheParameterGroupName="default.valkey8.cluster.on"),
            "Group": small("AWS::Logs::LogGroup", LogGroupName={"Fn::GetAtt": ["Cache", "PrimaryEndPoint.Address"]}),
        },
        "Fn::GetAtt Cache.PrimaryEndPoint.Address: there is no such resource or attribute",
    ),
}
ACCEPTED: dict[str, dict[str, Small]] = {
    "role that traces": {
        "Role": role(["xray:PutTraceSegments"]),
        "Function": function("l-function", TracingConfig={"Mode": "Active"}),
    },
    "operator that starts instances": {"Role": role(["ec2:RunInstances"]), "Capacity": capacity()},
    "parameter group of this version": {
        **STORE,
        "Cache": nodes(EngineVersion="8.1", CacheParameterGroupName="default.valkey8"),
    },
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.slow
def test_what_would_fail_later_is_refused(site: Site, deploy_small: Callable[..., Deployment], name: str) -> None:
    resources, reason = REFUSED[name]

    with pytest.raises(DeploymentFailed, match=reason):
        deploy_small(**resources)

    assert not site.live


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_same_with_what_it_needs_is_accepted(
    site: Site, deploy_small: Callable[..., Deployment], name: str
) -> None:
    deployment = deploy_small(**ACCEPTED[name])

    assert deployment.resources.keys() == ACCEPTED[name].keys()
    delete(site, deployment)

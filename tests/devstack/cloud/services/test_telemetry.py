"""Logs and traces that AWS would drop are found by the rights of roles and endpoints."""

import re

import pytest

from devstack.cloud.aws_door.authorization import Authorizer
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.iam.authority import Authority
from devstack.cloud.services.telemetry import undelivered
from devstack.template.stack import Edit, Values
from tests.devstack.cloud.deployments import simulate
from tests.template.edits import Source, properties, stated, with_value

MANAGED: Values = {"ColdStartStrategy": "managed-instances"}


def losses(values: Values, plant: Edit | None = None) -> list[str]:
    deployment = simulate(values, plant)
    authority = Authority(deployment.account)
    for role in deployment.of_type("AWS::IAM::Role"):
        policies = {policy["PolicyName"]: policy["PolicyDocument"] for policy in role.properties["Policies"]}
        authority.put_role(role.attributes["Arn"], role.properties["AssumeRolePolicyDocument"], policies)
    catalogue = Catalogue(deployment)
    return undelivered(catalogue, authority, Authorizer(catalogue))


def logs_of_another(source: Source) -> None:
    properties(source, "RotateSecretFunction")["LoggingConfig"]["LogGroup"] = {"Ref": "RecommendLogs"}


def logs_anywhere(source: Source) -> None:
    del properties(source, "PreTrafficFunction")["LoggingConfig"]


def no_traces_endpoint(source: Source) -> None:
    del source["Resources"]["TracesEndpoint"]
    source["Resources"]["ManagedRecommendFunction"]["DependsOn"].remove("TracesEndpoint")


@pytest.mark.parametrize("values", [{}, MANAGED], ids=["on demand", "managed instances"])
def test_the_template_loses_nothing(values: Values) -> None:
    assert losses(values) == []


@pytest.mark.parametrize(
    ("plant", "values", "loss"),
    [
        (stated("PreTrafficRole", "WriteLogs", Action="logs:PutLogEvents"), {}, "PreTrafficFunction: logs:CreateLogS"),
        (stated("RecommendRole", "WriteLogs", Action="logs:CreateLogStream"), {}, "RecommendFunction: logs:PutLogE"),
        (logs_of_another, {}, "RotateSecretFunction: logs:CreateLogStream on .*shop-recommend"),
        (logs_anywhere, {}, "PreTrafficFunction: logs:CreateLogGroup on .*shop-pre-traffic"),
        (stated("RotateSecretRole", "SendTraces", Action="xray:PutTraceSegments"), {}, "xray:PutTelemetryRecords"),
        (no_traces_endpoint, MANAGED, "ManagedRecommendFunction: no VPC endpoint leads to xray"),
        (with_value("LogsEndpoint", "PolicyDocument", {
            "Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Principal": "*", "Action": "logs:PutLogEvents", "Resource": "*"},
        }), MANAGED, "ManagedRecommendFunction: logs:CreateLogStream .* because no VPC endpoint policy"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_a_loss_is_found(plant: Edit, values: Values, loss: str) -> None:
    assert any(re.search(loss, found) for found in losses(values, plant))

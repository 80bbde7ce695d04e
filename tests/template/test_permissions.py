"""The permissions of the function's role."""

import re
from pathlib import Path
from typing import Any

import pytest

from devstack.template.stack import ROOT, Stack, deployed
from tests.template.combinations import LEARNING
from tests.template.permissions import ON_EVERYTHING, PATTERNS, Statement, statements

CONNECT = "elasticache:Connect"


BOTH = [ROOT / "template.yaml", ROOT / "observability" / "observability.yaml"]


@pytest.mark.parametrize("path", BOTH, ids=lambda path: path.stem)
def test_names_of_regional_services_follow_the_partition(path: Path) -> None:
    # Principals without a region are the same in every partition; those with one, and kms:ViaService, are not:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    assert re.findall(r"\$\{AWS::Region\}\.amazonaws\S*", path.read_text()) == []


@pytest.mark.parametrize("path", BOTH, ids=lambda path: path.stem)
def test_every_user_of_a_key_gets_the_whole_family_of_data_keys(path: Path) -> None:
    # EBS names the one action that it calls, which managed instances need.
    found = re.findall(r"kms:GenerateDataKey[*\w]*", path.read_text())

    assert "kms:GenerateDataKey*" in found
    assert set(found) <= {"kms:GenerateDataKey*", "kms:GenerateDataKeyWithoutPlaintext"}


def recommend_statements(stack: Stack) -> list[Statement]:
    return [
        statement
        for statement in statements(stack)
        if statement.owner == "RecommendRole" and "Principal" not in statement.body
    ]


def allowed(stack: Stack, action: str) -> list[str]:
    return [
        r
        for statement in recommend_statements(stack)
        if statement.allows and action in statement.actions
        for r in statement.resources
    ]


def test_its_actions_are_exactly_these(stack: Stack) -> None:
    services = {action for statement in recommend_statements(stack) if statement.allows for action in statement.actions}

    assert {action for action in services if not action.startswith("ec2:")} == {
        "s3:GetObject",
        "s3:ListBucket",
        "secretsmanager:GetSecretValue",
        "kms:Decrypt",
        CONNECT,
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
    }
    assert "ManagedPolicyArns" not in stack.resources["RecommendRole"]["Properties"]


@pytest.mark.parametrize(
    ("kind", "cache"),
    [("serverless", "${ServerlessCache.ARN}"), ("nodes", ":replicationgroup:${NodeCache}")],
)
def test_it_connects_to_its_own_store_as_its_own_user(kind: str, cache: str) -> None:
    resource, user = allowed(deployed({"StoreKind": kind}), CONNECT)
    assert resource.endswith(cache)
    assert user == "${StoreUser.Arn}"


def test_it_reads_the_key_secret_and_no_other(stack: Stack) -> None:
    assert allowed(stack, "secretsmanager:GetSecretValue") == ["${KeySecret}"]


def test_it_writes_to_its_own_log_group_only(stack: Stack) -> None:
    group = stack.recommend[1]["LoggingConfig"]["LogGroup"]["Ref"]
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        assert allowed(stack, action) == [f"${{{group}.Arn}}"]


@pytest.mark.parametrize("strategy", ["none", "managed-instances"])
def test_the_functions_code_cannot_touch_the_network(strategy: str) -> None:
    stack = deployed({"ColdStartStrategy": strategy})
    (denied,) = [statement for statement in recommend_statements(stack) if not statement.allows]
    callers: list[dict[str, Any]] = denied.body["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"]

    assert denied.actions == ["ec2:*"]
    name = stack.recommend[1]["FunctionName"]["Fn::Sub"]
    assert any(caller["Fn::Sub"].endswith(f":function:{name}") for caller in callers)


def test_managed_instances_need_no_network_interfaces_of_the_role() -> None:
    stack = deployed({"ColdStartStrategy": "managed-instances"})
    assert not [
        action
        for statement in recommend_statements(stack)
        if statement.allows
        for action in statement.actions
        if "ec2:" in action
    ]


def test_every_exception_from_the_rule_is_needed() -> None:
    used: set[tuple[str, str]] = set()
    for statement in statements(deployed(LEARNING)):
        used |= {
            (r, action) for r in statement.resources for action in statement.actions if statement.allows and "*" in r
        }

    assert {action for resource, action in used if resource == "*"} >= ON_EVERYTHING
    for end, actions in PATTERNS.items():
        assert {action for resource, action in used if resource.endswith(end)} == actions

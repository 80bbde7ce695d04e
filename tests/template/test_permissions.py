"""What the function's role may do, and that it is all it may do. Wildcards in any role: see test_combinations.py."""

from typing import Any

import pytest

from tests.template.permissions import ON_EVERYTHING, PATTERNS, Statement, statements
from tests.template.stack import Stack, deployed

CONNECT = "elasticache:Connect"


def of_recommend(stack: Stack) -> list[Statement]:
    return [one for one in statements(stack) if one.owner == "RecommendRole" and "Principal" not in one.body]


def allowed(stack: Stack, action: str) -> list[str]:
    return [r for one in of_recommend(stack) if one.allows and action in one.actions for r in one.resources]


def test_it_may_do_what_is_listed_here_and_nothing_else(stack: Stack) -> None:
    # GIVEN what the role allows
    services = {action for one in of_recommend(stack) if one.allows for action in one.actions}

    # WHEN listed, but for Lambda's work on the network THEN it is this
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
    # GIVEN a kind of store WHEN what it may connect to is read THEN it is that cache, and its user
    found, user = allowed(deployed({"StoreKind": kind}), CONNECT)
    assert found.endswith(cache)
    assert user == "${StoreUser.Arn}"


def test_it_reads_the_key_secret_and_no_other(stack: Stack) -> None:
    assert allowed(stack, "secretsmanager:GetSecretValue") == ["${KeySecret}"]


def test_it_writes_to_its_own_log_group_only(stack: Stack) -> None:
    # GIVEN the log group that the function is told to use WHEN the log actions are read THEN they are for that group
    group = stack.recommend[1]["LoggingConfig"]["LogGroup"]["Ref"]
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        assert allowed(stack, action) == [f"${{{group}.Arn}}"]


@pytest.mark.parametrize("strategy", ["none", "managed-instances"])
def test_the_functions_code_cannot_touch_the_network(strategy: str) -> None:
    # GIVEN what is denied
    stack = deployed({"ColdStartStrategy": strategy})
    (denied,) = [one for one in of_recommend(stack) if not one.allows]
    callers: list[dict[str, Any]] = denied.body["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"]

    # WHEN the condition is read THEN every EC2 action is, for calls that come from this function's code
    assert denied.actions == ["ec2:*"]
    name = stack.recommend[1]["FunctionName"]["Fn::Sub"]
    assert any(caller["Fn::Sub"].endswith(f":function:{name}") for caller in callers)


def test_managed_instances_need_no_network_interfaces_of_the_role() -> None:
    # GIVEN managed instances, whose operator has a role WHEN the function's is read THEN it may do nothing with EC2
    stack = deployed({"ColdStartStrategy": "managed-instances"})
    assert not [action for one in of_recommend(stack) if one.allows for action in one.actions if "ec2:" in action]


def test_every_exception_from_the_rule_is_needed() -> None:
    # GIVEN what may be allowed with a pattern or on everything
    used: set[tuple[str, str]] = set()
    for one in statements(deployed()):
        used |= {(r, action) for r in one.resources for action in one.actions if one.allows and "*" in r}

    # WHEN searched in the stack THEN each exception is used: none is left of something that is gone
    assert {action for resource, action in used if resource == "*"} >= ON_EVERYTHING
    for end, actions in PATTERNS.items():
        assert {action for resource, action in used if resource.endswith(end)} == actions

"""What the function's role may do, and that it is all it may do."""

from typing import Any

import pytest

from tests.template.stack import Stack, listed

UNNAMEABLE = {
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
}
"""Actions allowed on all resources; template.yaml says why for each."""


@pytest.fixture
def role(stack: Stack) -> dict[str, Any]:
    (reference,) = stack.only("AWS::Lambda::Function")["Role"]["Fn::GetAtt"][:1]
    properties: dict[str, Any] = stack.resources[reference]["Properties"]
    return properties


@pytest.fixture
def statements(role: dict[str, Any]) -> list[dict[str, Any]]:
    return [statement for policy in role["Policies"] for statement in listed(policy["PolicyDocument"]["Statement"])]


def allowed(statements: list[dict[str, Any]], action: str) -> list[Any]:
    """Resources on which the role may do `action`."""
    return [
        resource
        for statement in statements
        if statement["Effect"] == "Allow" and action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]


def test_its_permissions_all_stand_in_the_template(role: dict[str, Any]) -> None:
    # GIVEN the function's role WHEN searched for policies written elsewhere THEN there are none
    assert "ManagedPolicyArns" not in role
    assert len(role["Policies"]) == 1


def test_no_allowed_action_is_a_pattern(statements: list[dict[str, Any]]) -> None:
    # GIVEN what is allowed
    actions = [action for one in statements if one["Effect"] == "Allow" for action in listed(one["Action"])]

    # WHEN searched for wildcards THEN each action is named in full
    assert actions
    assert [action for action in actions if "*" in action] == []


def test_only_the_actions_without_nameable_resources_are_allowed_on_all(statements: list[dict[str, Any]]) -> None:
    # GIVEN what is allowed on every resource
    everywhere = {
        action
        for one in statements
        if one["Effect"] == "Allow" and "*" in listed(one["Resource"])
        for action in listed(one["Action"])
    }

    # WHEN compared THEN it is exactly what AWS leaves no choice about
    assert everywhere == UNNAMEABLE


def test_it_reads_models_and_routes_and_writes_neither(statements: list[dict[str, Any]]) -> None:
    # GIVEN the S3 actions allowed
    (bucket_actions,) = [
        {
            action
            for one in statements
            if one["Effect"] == "Allow"
            for action in listed(one["Action"])
            if action.startswith("s3:")
        }
    ]

    # WHEN their resources are read THEN objects under two prefixes, and the bucket's own listing
    assert bucket_actions == {"s3:GetObject", "s3:ListBucket"}
    assert allowed(statements, "s3:GetObject") == [
        {"Fn::Sub": "${ModelBucket.Arn}/models/*"},
        {"Fn::Sub": "${ModelBucket.Arn}/routes/*"},
    ]
    assert allowed(statements, "s3:ListBucket") == [{"Fn::GetAtt": ["ModelBucket", "Arn"]}]


def test_it_writes_to_its_own_log_group_only(stack: Stack, statements: list[dict[str, Any]]) -> None:
    # GIVEN the log group that the function is told to use
    group = stack.only("AWS::Lambda::Function")["LoggingConfig"]["LogGroup"]["Ref"]

    # WHEN the resources of the log actions are read THEN they are that group
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        assert allowed(statements, action) == [{"Fn::GetAtt": [group, "Arn"]}]


def test_the_functions_code_cannot_touch_the_network(stack: Stack, statements: list[dict[str, Any]]) -> None:
    # GIVEN what is denied
    (denied,) = [one for one in statements if one["Effect"] == "Deny"]

    # WHEN the condition is read
    (caller,) = denied["Condition"]["ArnEquals"].values()

    # THEN every EC2 action is, for calls that come from this function's code
    assert denied["Action"] == "ec2:*"
    assert denied["Condition"]["ArnEquals"].keys() == {"lambda:SourceFunctionArn"}
    assert caller["Fn::Sub"].endswith(":function:" + stack.only("AWS::Lambda::Function")["FunctionName"]["Fn::Sub"])


def test_only_the_lambda_service_takes_the_role(role: dict[str, Any]) -> None:
    # GIVEN the role's trust policy WHEN its principals are read THEN Lambda is the only one
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}

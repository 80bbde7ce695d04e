"""docs/deployer-policy.yaml grants what the handlers of the templates' types need, within IAM's limits."""

import re
from fnmatch import fnmatchcase
from typing import Any

import pytest
import yaml

from devstack.deployer.__main__ import MONITORING, POLICY, policy_text
from devstack.deployer.handlers import handler_actions, resource_kinds
from devstack.deployer.policy import (
    EVERYTHING,
    MAX_CHARACTERS,
    MAX_POLICIES,
    characters,
    granted_actions,
    policy_template,
    split,
    types_of,
)
from devstack.deployer.scopes import ADDED, NAMED, SERVICE_LINKED, UNUSED, UNUSED_SERVICES
from devstack.template.stack import deployed, transformed

Template = dict[str, Any]


@pytest.fixture(scope="module")
def templates() -> tuple[Template, Template]:
    return transformed()[0], yaml.safe_load(MONITORING.read_text())


def statements_of(policies: Template) -> list[dict[str, Any]]:
    return [
        statement
        for policy in policies["Resources"].values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def allowed(policies: Template, action: str, arn: str) -> bool:
    """Return whether a statement allows an action on an ARN (after the partition)."""
    return any(
        action in statement["Action"]
        and any(each == EVERYTHING or fnmatchcase(arn, with_names(each["Fn::Sub"])) for each in statement["Resource"])
        for statement in statements_of(policies)
    )


def with_names(pattern: str) -> str:
    for name, value in {
        "AWS::Partition": "aws",
        "AWS::Region": "eu-central-1",
        "AWS::AccountId": "123456789012",
        "StackName": "shop",
        "ArtifactBucket": "packages",
    }.items():
        pattern = pattern.replace(f"${{{name}}}", value)
    return pattern.removeprefix("arn:aws:")


@pytest.mark.slow
def test_the_file_is_what_make_deployer_policy_writes() -> None:
    assert POLICY.read_text() == policy_text(), "run `make deployer-policy`"


def test_another_type_needs_other_rights(templates: tuple[Template, Template]) -> None:
    # GIVEN a template with a queue, and without the scaling of provisioned concurrency
    template, monitoring = templates
    kept = {name: each for name, each in template["Resources"].items() if "AutoScaling" not in each["Type"]}
    changed = {**template, "Resources": kept | {"Queue": {"Type": "AWS::SQS::Queue"}}}

    # WHEN the policy is generated
    before, after = policy_template(template, monitoring), policy_template(changed, monitoring)

    # THEN it has the rights of the new type, and none of the removed ones
    assert not allowed(before, "sqs:CreateQueue", "sqs:eu-central-1:123456789012:any")
    assert allowed(after, "sqs:CreateQueue", "sqs:eu-central-1:123456789012:any")
    service = "application-autoscaling:"
    assert any(action.startswith(service) for each in statements_of(before) for action in each["Action"])
    assert not any(action.startswith(service) for each in statements_of(after) for action in each["Action"])


def test_a_type_without_permissions_in_its_schema_is_refused() -> None:
    with pytest.raises(ValueError, match="AWS::Glue::Workflow lists no permissions"):
        handler_actions(["AWS::Glue::Workflow"])


def test_what_is_left_out_is_left_out_of_something(templates: tuple[Template, Template]) -> None:
    types = types_of(*templates)
    listed = handler_actions(types)
    assert UNUSED.keys() - listed == set()
    assert UNUSED_SERVICES.keys() - {action.partition(":")[0] for action in listed} == set()
    assert {*ADDED, *SERVICE_LINKED} - {*types} == set()
    kinds = {(action.partition(":")[0], kind) for action in listed for kind in resource_kinds(action) or ()}
    assert {(service, kind) for service, named in NAMED.items() for kind in named} - kinds == set()


def test_rights_that_a_deployer_could_give_itself_are_limited(templates: tuple[Template, Template]) -> None:
    policies = policy_template(*templates)
    limited = {"iam:PassRole", "iam:AttachRolePolicy", "iam:CreateServiceLinkedRole"}
    assert limited & granted_actions(types_of(*templates)) == set()
    for statement in statements_of(policies):
        iam = [action for action in statement["Action"] if action.startswith("iam:") and "List" not in action]
        assert not iam or EVERYTHING not in statement["Resource"]
        assert not limited.intersection(iam) or statement["Condition"].keys() <= {"StringEquals", "ArnEquals"}
    assert not allowed(policies, "iam:AttachUserPolicy", "iam::123456789012:user/me")
    assert not allowed(policies, "iam:PutRolePolicy", "iam::123456789012:role/admin")


def test_what_handlers_do_is_allowed_to_cloudformation_only(templates: tuple[Template, Template]) -> None:
    handled = granted_actions(types_of(*templates))
    direct = {
        action
        for statement in statements_of(policy_template(*templates))
        for action in statement["Action"]
        if action in handled and "Fn::If" not in statement.get("Condition", {})
    }
    assert {action for action in direct if not action.startswith("cloudformation:")} == {
        "s3:ListBucket"  # of the bucket of packages
    }


def test_policies_fit_with_the_longest_names_and_keep_every_action(templates: tuple[Template, Template]) -> None:
    policies = policy_template(*templates)["Resources"]
    lengths = [characters(each["Properties"]["PolicyDocument"]["Statement"]) for each in policies.values()]
    assert max(lengths) <= MAX_CHARACTERS
    assert len(lengths) <= MAX_POLICIES
    granted = {action for statement in statements_of({"Resources": policies}) for action in statement["Action"]}
    assert granted_actions(types_of(*templates)) - granted == set()


def test_a_statement_that_is_too_long_is_divided() -> None:
    actions = [f"ec2:Describe{number:04}" for number in range(1000)]
    policies = split([{"Effect": "Allow", "Action": actions, "Resource": ["*"]}])
    assert len(policies) > 1
    assert [action for policy in policies for statement in policy for action in statement["Action"]] == actions
    assert all(characters(policy) <= MAX_CHARACTERS for policy in policies)
    with pytest.raises(ValueError, match="a role may have 10"):
        split([{"Effect": "Allow", "Action": actions * 10, "Resource": ["*"]}])


@pytest.mark.parametrize("strategy", ["none", "managed-instances"])
@pytest.mark.parametrize("store", ["serverless", "nodes"])
def test_the_names_that_the_template_gives_are_covered(
    templates: tuple[Template, Template], strategy: str, store: str
) -> None:
    # GIVEN the names in the template, of a stack called shop
    policies = policy_template(*templates)
    stack = deployed({"ColdStartStrategy": strategy, "StoreKind": store})
    arns = [
        *named(stack.of_type("AWS::Lambda::Function"), "FunctionName", "lambda:CreateFunction", "function:"),
        *named(stack.of_type("AWS::Logs::LogGroup"), "LogGroupName", "logs:CreateLogGroup", "log-group:"),
        *named(stack.of_type("AWS::ElastiCache::User"), "UserId", "elasticache:CreateUser", "user:"),
        *named(
            stack.of_type("AWS::ElastiCache::UserGroup"), "UserGroupId", "elasticache:CreateUserGroup", "usergroup:"
        ),
        *named(
            stack.of_type("AWS::ElastiCache::ServerlessCache"),
            "ServerlessCacheName",
            "elasticache:CreateServerlessCache",
            "serverlesscache:",
        ),
        *named(
            stack.of_type("AWS::ElastiCache::ReplicationGroup"),
            "ReplicationGroupId",
            "elasticache:CreateReplicationGroup",
            "replicationgroup:",
        ),
    ]
    # THEN a deployer of that stack may create them, and not those of another stack
    assert len(arns) >= 8
    for action, arn in arns:
        assert allowed(policies, action, arn), arn
        assert not allowed(policies, action, arn.replace("shop", "other")), arn


def named(resources: dict[str, Any], key: str, action: str, kind: str) -> list[tuple[str, str]]:
    names = [properties[key]["Fn::Sub"].replace("${AWS::StackName}", "shop") for properties in resources.values()]
    assert not [name for name in names if re.search(r"\$\{", name)]
    return [(action, f"{action.partition(':')[0]}:eu-central-1:123456789012:{kind}{name}") for name in names]

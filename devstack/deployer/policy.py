"""Generate the deployer's policy: pure functions from templates to a CloudFormation template of managed policies."""

import json
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from devstack.deployer.handlers import handler_actions, resource_kinds
from devstack.deployer.scopes import (
    ADDED,
    NAMED,
    SERVICE_LINKED,
    STACK_ACTIONS,
    UNUSED,
    UNUSED_SERVICES,
)

MAX_CHARACTERS = 6144
"""IAM's limit of a managed policy, white space not counted.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
MAX_POLICIES = 10
"""Managed policies that a role may have, without asking AWS for more."""
MAX_STACK_NAME = 26
"""docs/deploying.md"""
LONGEST = {
    "AWS::Partition": "aws-us-gov",
    "AWS::Region": "ap-southeast-99",
    "AWS::AccountId": "123456789012",
    "AWS::URLSuffix": "amazonaws.com.cn",
    "StackName": "s" * MAX_STACK_NAME,
    "ArtifactBucket": "b" * 63,
}
"""The longest value of each parameter and pseudo parameter."""

EVERYTHING = "*"
SAM_TRANSFORM = "cloudformation:${AWS::Region}:aws:transform/Serverless-2016-10-31"
SAM_BUCKET_STACK = "cloudformation:${AWS::Region}:${AWS::AccountId}:stack/aws-sam-cli-managed-default/*"
"""`sam deploy --resolve-s3` looks up its bucket in this stack."""
THROUGH_CLOUDFORMATION = {
    "Fn::If": [
        "ThroughCloudFormation",
        {"ForAnyValue:StringEquals": {"aws:CalledVia": "cloudformation.amazonaws.com"}},
        {"Ref": "AWS::NoValue"},
    ]
}
"""The condition of what handlers do: the caller cannot do it without CloudFormation.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-calledvia"""

Statement = dict[str, Any]
_VARIABLE = re.compile(r"\$\{([^}]+)\}")


def types_of(*templates: Mapping[str, Any]) -> list[str]:
    """Return the resource types of templates, sorted, under every condition."""
    return sorted({resource["Type"] for template in templates for resource in template["Resources"].values()})


def granted_actions(resource_types: Iterable[str]) -> set[str]:
    """Return the actions that the policy grants without a condition of their own.

    Schemas also list some names that are no actions of IAM, such as ``s3:DeleteBucketCors``; they are left out.
    """
    types = set(resource_types)
    actions = handler_actions(types) | {action for type_, added in ADDED.items() if type_ in types for action in added}
    return {
        action
        for action in actions
        if resource_kinds(action) is not None
        and action not in UNUSED
        and action.partition(":")[0] not in UNUSED_SERVICES
    }


def statements(*templates: Mapping[str, Any]) -> list[Statement]:
    """Return the statements of a deployer of these templates: of each service one on names and one on everything."""
    types = types_of(*templates)
    grouped: dict[tuple[str, bool], list[str]] = defaultdict(list)
    limits: dict[tuple[str, bool], set[str]] = defaultdict(set)
    for action in sorted(granted_actions(types)):
        arns = resources_of(action)
        group = (action.partition(":")[0], arns == {EVERYTHING})
        grouped[group].append(action)
        limits[group] |= arns
    return [
        *_fixed_statements(types, *templates),
        *(_statement(grouped[group], limits[group], THROUGH_CLOUDFORMATION) for group in sorted(grouped)),
    ]


def resources_of(action: str) -> set[str]:
    """Return the ARNs (after the partition) that an action is limited to, or `EVERYTHING`."""
    named = NAMED.get(action.partition(":")[0], {})
    kinds = resource_kinds(action) or frozenset()
    return {arn for kind in kinds for arn in named.get(kind, ())} or {EVERYTHING}


def _fixed_statements(types: Sequence[str], *templates: Mapping[str, Any]) -> list[Statement]:
    """Return what a deployment needs apart from the handlers of its types."""
    roles = [
        resource["Properties"]
        for template in templates
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::Role"
    ]
    role = NAMED["iam"]["role"]
    statements_ = [
        _statement(STACK_ACTIONS, NAMED["cloudformation"]["stack"]),
        _statement(["cloudformation:CreateChangeSet"], [SAM_TRANSFORM]),
        _statement(["cloudformation:DescribeStacks"], [SAM_BUCKET_STACK]),
        _statement(["cloudformation:GetTemplateSummary", "cloudformation:ValidateTemplate"], [EVERYTHING]),
        # Code of functions and the nested template.
        _statement(["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"], ["s3:::${ArtifactBucket}/*"]),
        _statement(["s3:GetBucketLocation", "s3:ListBucket"], ["s3:::${ArtifactBucket}"]),
        _statement(["iam:PassRole"], role, {"StringEquals": {"iam:PassedToService": _trusted(roles)}}),
    ]
    if policies := _unique(arn for each in roles for arn in each.get("ManagedPolicyArns", ())):
        attach = ["iam:AttachRolePolicy", "iam:DetachRolePolicy"]
        statements_.append(_statement(attach, role, {"ArnEquals": {"iam:PolicyARN": policies}}))
    if services := sorted({SERVICE_LINKED[each] for each in types if each in SERVICE_LINKED}):
        linked = ["iam::${AWS::AccountId}:role/aws-service-role/*"]
        condition = {"StringEquals": {"iam:AWSServiceName": services}}
        statements_.append(_statement(["iam:CreateServiceLinkedRole"], linked, condition))
    return statements_


def _trusted(roles: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Return the services that may assume roles."""
    return _unique(
        statement["Principal"]["Service"]
        for role in roles
        for statement in role["AssumeRolePolicyDocument"]["Statement"]
    )


def _unique(values: Iterable[Any]) -> list[Any]:
    """Return values, which may be calls of functions such as Fn::Sub, sorted and each once."""
    return [json.loads(text) for text in sorted({json.dumps(value, sort_keys=True) for value in values})]


def _statement(
    actions: Iterable[str], resources: Iterable[str], condition: Mapping[str, Any] | None = None
) -> Statement:
    arns = [
        each if each == EVERYTHING else {"Fn::Sub": f"arn:${{AWS::Partition}}:{each}"}
        for each in sorted(set(resources))
    ]
    statement: Statement = {"Effect": "Allow", "Action": list(actions), "Resource": arns}
    return statement if condition is None else statement | {"Condition": condition}


def characters(policy: Sequence[Statement]) -> int:
    """Return the length of a policy with the longest names, as IAM counts it."""
    return len(json.dumps({"Version": "2012-10-17", "Statement": _longest(list(policy))}, separators=(",", ":")))


def _longest(value: Any) -> Any:
    """Return a value with its conditions taken and every variable at its longest."""
    match value:
        case {"Fn::If": [_, then, _]}:
            return _longest(then)
        case {"Fn::Sub": str() as text}:
            return _VARIABLE.sub(lambda match: LONGEST[match[1]], text)
        case dict():
            return {key: _longest(item) for key, item in value.items()}
        case list():
            return [_longest(item) for item in value]
    return value


def split(all_statements: Iterable[Statement]) -> list[list[Statement]]:
    """Divide statements, in order, into policies that IAM accepts; a long list of actions is divided, too.

    Raises:
        ValueError: a role could not have that many policies.
    """
    policies: list[list[Statement]] = [[]]
    for statement in all_statements:
        rest = list(statement["Action"])
        while rest:
            fitting = _fitting(policies[-1], statement, rest)
            if fitting:
                policies[-1].append(statement | {"Action": rest[:fitting]})
                rest = rest[fitting:]
            if rest:
                policies.append([])
    if len(policies) > MAX_POLICIES:
        raise ValueError(f"{len(policies)} policies; a role may have {MAX_POLICIES}")
    return policies


def _fitting(policy: Sequence[Statement], statement: Statement, actions: Sequence[str]) -> int:
    """Return how many of a statement's actions fit into a policy."""
    counts = range(1, len(actions) + 1)
    return bisect_right(
        counts, MAX_CHARACTERS, key=lambda count: characters([*policy, statement | {"Action": actions[:count]}])
    )


def policy_template(*templates: Mapping[str, Any]) -> dict[str, Any]:
    """Return the CloudFormation template of a deployer's managed policies."""
    policies = {f"DeployerPolicy{number}": policy for number, policy in enumerate(split(statements(*templates)), 1)}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "nextitem: policies of a deployer. Written by `make deployer-policy`, do not edit",
        "Parameters": {
            "StackName": {
                "Type": "String",
                "Default": "nextitem",
                "AllowedPattern": f"[a-z][a-z0-9-]{{0,{MAX_STACK_NAME - 1}}}",
                "Description": "Name of the stack that may be deployed",
            },
            "ArtifactBucket": {
                "Type": "String",
                "Default": "aws-sam-cli-managed-default-samclisourcebucket-*",
                "Description": "Bucket of packaged code and templates; by default that of sam deploy --resolve-s3",
            },
            "OnlyThroughCloudFormation": {
                "Type": "String",
                "Default": "true",
                "AllowedValues": ["true", "false"],
                "Description": "false for a role that CloudFormation itself assumes (--role-arn)",
            },
        },
        "Conditions": {"ThroughCloudFormation": {"Fn::Equals": [{"Ref": "OnlyThroughCloudFormation"}, "true"]}},
        "Resources": {
            name: {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {
                    "Description": {
                        "Fn::Sub": "May deploy the stack ${StackName}; attach it with the other policies of this stack"
                    },
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": policy},
                },
            }
            for name, policy in policies.items()
        },
        "Outputs": {
            f"{name}Arn": {"Description": "Attach it to the role that deploys", "Value": {"Ref": name}}
            for name in policies
        },
    }

"""Policy documents, checked as AWS checks them before it stores them; moto takes almost any."""

import json
from collections.abc import Mapping
from typing import Any

from devstack.cloud.account import Account
from devstack.cloud.iam.policy import Decision, PolicyKind, Principal, Request, Statement, evaluate, parse_policy
from devstack.template.stack import listed


def resource_policy(document: Any) -> str:
    """Return a policy of a resource as JSON.

    Raises:
        ValueError: AWS refuses the document, or a part of it is not modelled.
    """
    parse_policy(document, PolicyKind.RESOURCE)
    return json.dumps(document)


def bucket_policy(document: Any, bucket_arn: str) -> tuple[Statement, ...]:
    """Return the statements of a bucket's policy.

    Raises:
        ValueError: AWS refuses the document: only actions of S3, and only this bucket.
    """
    statements = parse_policy(document, PolicyKind.RESOURCE)
    for body in listed(document["Statement"]):
        for resource in listed(body.get("Resource", body.get("NotResource"))):
            if resource != bucket_arn and not resource.startswith(f"{bucket_arn}/"):
                raise ValueError(f"PolicyDocument: {resource} is not in {bucket_arn}")
        for action in listed(body.get("Action", body.get("NotAction"))):
            if action != "*" and not action.startswith("s3:"):
                raise ValueError(f"PolicyDocument: {action} is no action of S3")
    return statements


def key_policy(document: Any, account: Account) -> str:
    """Return a key's policy as JSON.

    Raises:
        ValueError: AWS refuses it, for example because the account could not change it any more.
    """
    statements = parse_policy(document, PolicyKind.RESOURCE)
    owner = Principal(arn=account.iam_arn("root"), account=account.id)
    request = Request("kms:PutKeyPolicy", account.arn("kms", "key/new"), {}, owner)
    if evaluate(statements, request) is not Decision.ALLOW:
        raise ValueError("KeyPolicy: the account could not change the policy any more (kms:PutKeyPolicy)")
    return json.dumps(document)


def is_public(statements: tuple[Statement, ...], access: Mapping[str, Any]) -> bool:
    """Return whether a bucket's public access block refuses its policy: it lets everybody in, without a condition."""
    blocks = str(access.get("BlockPublicPolicy", False)).lower() == "true"
    return blocks and any(
        statement.effect.value == "Allow"
        and statement.principal is not None
        and statement.principal.everybody
        and not statement.conditions
        for statement in statements
    )

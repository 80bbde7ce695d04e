"""Policies, a principal and the evaluation of single requests for the tests of policies."""

from typing import Any

from devstack.cloud.iam.policy import Decision, PolicyKind, Principal, Request, evaluate, parse_policy

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/recommend"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/recommend/session"
BUCKET = "arn:aws:s3:::shop"
MODEL = f"{BUCKET}/models/v1/graph.onnx"
PRINCIPAL = Principal(arn=SESSION, account=ACCOUNT, role_arn=ROLE, context={"aws:PrincipalAccount": (ACCOUNT,)})

Values = str | tuple[str, ...]


def policy(*statements: dict[str, Any], version: str = "2012-10-17") -> dict[str, Any]:
    return {"Version": version, "Statement": list(statements)}


def allow(action: Any = "*", resource: Any = "*", **others: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **others}


def deny(action: Any = "*", resource: Any = "*", **others: Any) -> dict[str, Any]:
    return {**allow(action, resource, **others), "Effect": "Deny"}


def decide(
    document: dict[str, Any],
    action: str = "s3:GetObject",
    resource: str = MODEL,
    *,
    context: dict[str, Values] | None = None,
    kind: PolicyKind = PolicyKind.IDENTITY,
    principal: Principal = PRINCIPAL,
) -> Decision:
    """Return the decision of one policy; a context key may have one text as its value."""
    values = {key: (value,) if isinstance(value, str) else value for key, value in (context or {}).items()}
    return evaluate(parse_policy(document, kind), Request(action, resource, values, principal))


def holds(condition: dict[str, Any], *, version: str = "2012-10-17", **keys: Values) -> bool:
    """Return whether a condition holds; ``aws__SourceIp`` stands for the context key ``aws:SourceIp``."""
    context = {name.replace("__", ":"): value for name, value in keys.items()}
    return decide(policy(allow(Condition=condition), version=version), context=context) is Decision.ALLOW

"""Requests are allowed and denied as IAM's documentation says."""

from typing import Any

from devstack.cloud.iam.policy import Decision, Principal, Request, evaluate, parse_policy

ROLE = "arn:aws:iam::123456789012:role/recommend"
SESSION = "arn:aws:sts::123456789012:assumed-role/recommend/session"
MODEL = "arn:aws:s3:::shop/models/v1/graph.onnx"
PRINCIPAL = Principal(
    arn=SESSION, account="123456789012", role_arn=ROLE, context={"aws:PrincipalAccount": ("123456789012",)}
)


def policy(*statements: dict[str, Any], version: str = "2012-10-17") -> dict[str, Any]:
    return {"Version": version, "Statement": list(statements)}


def allow(action: Any, resource: Any = "*", **others: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **others}


def deny(action: Any, resource: Any = "*", **others: Any) -> dict[str, Any]:
    return {**allow(action, resource, **others), "Effect": "Deny"}


def decide(document: dict[str, Any], action: str = "s3:GetObject", resource: str = MODEL, **context: Any) -> Decision:
    return evaluate(parse_policy(document), Request(action, resource, context, PRINCIPAL))


def test_what_no_statement_allows_is_denied() -> None:
    assert decide(policy(allow("s3:PutObject"))) is Decision.IMPLICIT_DENY


def test_a_statement_allows() -> None:
    assert decide(policy(allow("s3:GetObject", "arn:aws:s3:::shop/models/*"))) is Decision.ALLOW


def test_an_explicit_deny_wins_in_any_order() -> None:
    for statements in ([deny("s3:*"), allow("s3:*")], [allow("s3:*"), deny("s3:*")]):
        assert decide(policy(*statements)) is Decision.EXPLICIT_DENY

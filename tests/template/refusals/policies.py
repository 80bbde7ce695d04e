"""Refusals of IAM and KMS."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from devstack.template.stack import Properties, listed
from tests.template.refusals.cloud import ACCOUNT, Cloud
from tests.template.refusals.types import AWS, Planted, Refusal, compact, is_true, statements, texts

ROLE, MANAGED, KEY = "AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::KMS::Key"
IAM = f"{AWS}/IAM/latest"
QUOTAS = f"{IAM}/UserGuide/reference_iam-quotas.html"
CREATE_KEY = f"{AWS}/kms/latest/APIReference/API_CreateKey.html"
LATIN = re.compile(r"[\t\n\r\x20-\xff]*")
OPERATORS = {
    *(
        f"String{kind}"
        for kind in ("Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase", "Like", "NotLike")
    ),
    *(
        f"{kind}{comparison}"
        for kind in ("Numeric", "Date")
        for comparison in ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
    ),
    *(
        "Bool",
        "BinaryEquals",
        "IpAddress",
        "NotIpAddress",
        "ArnEquals",
        "ArnLike",
        "ArnNotEquals",
        "ArnNotLike",
        "Null",
    ),
}
QUALIFIED = re.compile(r"(?:ForAllValues:|ForAnyValue:)?(\w+?)(IfExists)?")


def _documents(properties: Properties) -> Iterator[Any]:
    """Yield the policies of a role, a managed policy or a key."""
    for key in ("AssumeRolePolicyDocument", "PolicyDocument", "KeyPolicy"):
        if key in properties:
            yield properties[key]
    yield from (policy["PolicyDocument"] for policy in properties.get("Policies", []))


def _of_statements(is_wrong: Callable[[Any], bool]) -> Callable[[Properties, Cloud], bool]:
    return lambda properties, _: any(
        is_wrong(statement) for document in _documents(properties) for statement in statements(document)
    )


def _is_unknown_operator(operator: str) -> bool:
    matched = QUALIFIED.fullmatch(operator)
    return not matched or matched[1] not in OPERATORS or (matched[1] == "Null" and bool(matched[2]))


def _is_locked(key: Properties, _: Cloud) -> bool:
    root = ACCOUNT.iam_arn("root")
    return not any(
        statement["Effect"] == "Allow"
        and {root, ACCOUNT.id, "*"} & {*texts(statement.get("Principal", []))}
        and {"kms:*", "kms:Put*", "kms:PutKeyPolicy", "*"} & {*listed(statement.get("Action", []))}
        for statement in statements(key["KeyPolicy"])
    )


def _inline_length(role: Properties) -> int:
    return sum(len(compact(policy["PolicyDocument"])) for policy in role.get("Policies", []))


POLICIES = (
    Refusal(
        "managed-policy-length",
        (MANAGED,),
        "A managed policy has at most 6144 characters without white space.",
        QUOTAS,
        lambda policy, _: len(compact(policy["PolicyDocument"])) > 6144,
        Planted("PublisherPolicy", {"PolicyDocument.Statement.0.Resource": ["arn:aws:s3:::b/models/*"] * 300}),
    ),
    Refusal(
        "inline-policies-length",
        (ROLE,),
        "All inline policies of a role have at most 10240 characters without white space.",
        QUOTAS,
        lambda role, _: _inline_length(role) > 10240,
        Planted("RecommendRole", {"Policies.0.PolicyDocument.Statement.0.Resource": ["arn:aws:s3:::b/models/*"] * 400}),
    ),
    Refusal(
        "trust-policy-length",
        (ROLE,),
        "A trust policy has at most 2048 characters without white space; only a quota request allows more.",
        QUOTAS,
        lambda role, _: len(compact(role["AssumeRolePolicyDocument"])) > 2048,
        Planted("DeploymentRole", {"AssumeRolePolicyDocument.Statement.0.Sid": "x" * 2048}),
    ),
    Refusal(
        "policy-characters",
        (ROLE, MANAGED, KEY),
        "A policy has only tabs, line ends and the characters U+0020 to U+00FF.",
        QUOTAS,
        lambda properties, _: not all(map(LATIN.fullmatch, texts([*_documents(properties)]))),
        Planted("Key", {"KeyPolicy.Statement.0.Sid": "Konto\N{RIGHTWARDS ARROW}"}),
    ),
    Refusal(
        "condition-operator",
        (ROLE, MANAGED, KEY),
        "A condition has a documented operator; Null takes no IfExists.",
        f"{IAM}/UserGuide/reference_policies_elements_condition_operators.html",
        _of_statements(lambda statement: any(map(_is_unknown_operator, statement.get("Condition", {})))),
        Planted(
            "PublisherPolicy",
            {"PolicyDocument.Statement.0.Condition": {"NullIfExists": {"s3:if-none-match": "false"}}},
        ),
    ),
    Refusal(
        "action-vendor",
        (ROLE, MANAGED),
        "An action is * or has one colon, after the name of a service without wildcards.",
        f"{IAM}/UserGuide/reference_policies_elements_action.html",
        _of_statements(
            lambda statement: (
                not all(
                    re.fullmatch(r"\*|[a-z0-9-]+:[a-zA-Z0-9*?]+", action)
                    for action in listed(statement.get("Action", "*"))
                )
            )
        ),
        Planted("AvailabilityPolicy", {"PolicyDocument.Statement.0.Action": ["s3*:GetObject"]}),
    ),
    Refusal(
        "key-lockout",
        (KEY,),
        "A key's policy allows this account to change the policy.",
        CREATE_KEY,
        _is_locked,
        Planted("Key", {"KeyPolicy.Statement.0.Action": ["kms:Encrypt", "kms:Decrypt"]}),
    ),
    Refusal(
        "key-usage",
        (KEY,),
        "Symmetric keys only encrypt.",
        CREATE_KEY,
        lambda key, _: (
            key.get("KeySpec", "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT"
            and key.get("KeyUsage", "ENCRYPT_DECRYPT") != "ENCRYPT_DECRYPT"
        ),
        Planted("Key", {"KeyUsage": "GENERATE_VERIFY_MAC"}),
    ),
    Refusal(
        "key-rotation",
        (KEY,),
        "Only symmetric keys rotate.",
        f"{AWS}/kms/latest/developerguide/rotate-keys.html",
        lambda key, _: (
            is_true(key.get("EnableKeyRotation")) and key.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT"
        ),
        Planted("Key", {"KeySpec": "RSA_2048"}),
    ),
)

"""Requests are allowed and denied as "Policy evaluation logic" of the IAM User Guide says."""

from typing import Any

import pytest

from devstack.cloud.iam.patterns import PolicyError
from devstack.cloud.iam.policy import Decision, PolicyKind, Request, evaluate, matching, parse_policy
from tests.devstack.cloud.iam.samples import ACCOUNT, BUCKET, MODEL, PRINCIPAL, allow, decide, deny, policy

ALLOWED, NOT_ALLOWED, DENIED = Decision.ALLOW, Decision.IMPLICIT_DENY, Decision.EXPLICIT_DENY


def test_a_request_that_no_statement_allows_is_denied() -> None:
    assert decide(policy(allow("s3:PutObject"))) is NOT_ALLOWED
    assert evaluate([], Request("s3:GetObject", MODEL, {}, PRINCIPAL)) is NOT_ALLOWED


def test_an_explicit_deny_wins_in_any_order() -> None:
    for statements in ([deny("s3:*"), allow("s3:*")], [allow("s3:*"), deny("s3:*")]):
        assert decide(policy(*statements)) is DENIED


def test_a_deny_whose_condition_does_not_hold_denies_nothing() -> None:
    refuse_http = deny("s3:*", Condition={"Bool": {"aws:SecureTransport": "false"}})
    document = policy(allow("s3:*"), refuse_http)
    assert decide(document, context={"aws:SecureTransport": "true"}) is ALLOWED
    assert decide(document, context={"aws:SecureTransport": "false"}) is DENIED


@pytest.mark.parametrize(
    ("pattern", "action", "expected"),
    [
        ("s3:GetObject", "s3:GetObject", ALLOWED),
        ("S3:getobject", "s3:GetObject", ALLOWED),
        ("s3:getobject", "S3:GETOBJECT", ALLOWED),
        ("s3:GetObject", "s3:GetObjectVersion", NOT_ALLOWED),
        ("s3:Get*", "s3:GetObjectVersion", ALLOWED),
        ("s3:*Object", "s3:GetObject", ALLOWED),
        ("s3:?etObject", "s3:GetObject", ALLOWED),
        ("s3:?GetObject", "s3:GetObject", NOT_ALLOWED),
        ("s3:*", "s3express:CreateSession", NOT_ALLOWED),
        ("kms:*", "\N{KELVIN SIGN}ms:Decrypt", NOT_ALLOWED),
        ("*", "kms:Decrypt", ALLOWED),
    ],
)
def test_actions_have_wildcards_and_no_case(pattern: str, action: str, expected: Decision) -> None:
    assert decide(policy(allow(pattern)), action) is expected


@pytest.mark.parametrize(
    ("pattern", "resource", "expected"),
    [
        (MODEL, MODEL, ALLOWED),
        (MODEL.upper().replace("ARN:AWS:S3", "arn:aws:s3"), MODEL, NOT_ALLOWED),
        (f"{BUCKET}/models/*", MODEL, ALLOWED),
        (f"{BUCKET}/models/*", f"{BUCKET}/models", NOT_ALLOWED),
        (f"{BUCKET}/models/*", f"{BUCKET}/models/", ALLOWED),
        (f"{BUCKET}/models/v?/*", MODEL, ALLOWED),
        (BUCKET, MODEL, NOT_ALLOWED),
        (f"{BUCKET}*", MODEL, ALLOWED),
        ("arn:aws:s3:::*/graph.onnx", MODEL, ALLOWED),
        # A wildcard before the last field covers one field only.
        ("arn:aws:lambda:*:function:recommend", "arn:aws:lambda:eu-central-1:1:function:recommend", NOT_ALLOWED),
        ("arn:aws:lambda:*:*:function:recommend", "arn:aws:lambda:eu-central-1:1:function:recommend", ALLOWED),
        # In the last field it covers colons too.
        ("arn:aws:lambda:*:*:function:*", "arn:aws:lambda:eu-central-1:1:function:recommend:live", ALLOWED),
        # An action without a resource type needs "*".
        ("*", "*", ALLOWED),
        ("arn:aws:s3:::*", "*", NOT_ALLOWED),
        # Characters that mean something in regular expressions mean nothing here.
        (f"{BUCKET}/a.b", f"{BUCKET}/aXb", NOT_ALLOWED),
        (f"{BUCKET}/[a-z]+", f"{BUCKET}/[a-z]+", ALLOWED),
    ],
)
def test_resources_have_wildcards_within_fields(pattern: str, resource: str, expected: Decision) -> None:
    assert decide(policy(allow(resource=pattern)), resource=resource) is expected


def test_not_action_covers_every_other_action() -> None:
    # The user guide's example: everything but IAM.
    others = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    assert decide(policy(others), "s3:GetObject") is ALLOWED
    assert decide(policy(others), "iam:CreateUser") is NOT_ALLOWED
    # It does not deny: another statement may allow the exception.
    assert decide(policy(others, allow("iam:GetUser")), "iam:GetUser") is ALLOWED
    # With Deny, every action but the exceptions is denied.
    refuse = {"Effect": "Deny", "NotAction": ["s3:Get*", "s3:List*"], "Resource": "*"}
    assert decide(policy(allow("s3:*"), refuse), "s3:PutObject") is DENIED
    assert decide(policy(allow("s3:*"), refuse), "s3:GetObject") is ALLOWED


def test_not_resource_covers_every_other_resource() -> None:
    # The user guide's example: only one bucket may be used, whatever other policies allow.
    others = {"Effect": "Deny", "Action": "s3:*", "NotResource": [BUCKET, f"{BUCKET}/*"]}
    document = policy(allow("s3:*"), others)
    assert decide(document, resource=MODEL) is ALLOWED
    assert decide(document, resource=BUCKET) is ALLOWED
    assert decide(document, resource="arn:aws:s3:::other/models/v1") is DENIED
    assert decide(document, "s3:ListAllMyBuckets", "*") is DENIED


def test_several_conditions_must_all_hold_and_one_value_of_each() -> None:
    document = policy(
        allow(
            Condition={
                "StringEquals": {"kms:ViaService": ["s3.eu-central-1.amazonaws.com", "sqs.eu-central-1.amazonaws.com"]},
                "Bool": {"aws:SecureTransport": "true"},
            }
        )
    )
    via, tls = {"kms:ViaService": "sqs.eu-central-1.amazonaws.com"}, {"aws:SecureTransport": "true"}
    assert decide(document, context={**via, **tls}) is ALLOWED
    assert decide(document, context={**via}) is NOT_ALLOWED
    assert decide(document, context={"kms:ViaService": "sns.eu-central-1.amazonaws.com", **tls}) is NOT_ALLOWED


def test_context_keys_have_no_case_but_their_values_do() -> None:
    document = policy(allow(Condition={"StringEquals": {"AWS:sourcevpce": "vpce-1"}}))
    assert decide(document, context={"aws:SourceVpce": "vpce-1"}) is ALLOWED
    assert decide(document, context={"aws:SourceVpce": "VPCE-1"}) is NOT_ALLOWED


def test_the_principals_context_is_part_of_the_request() -> None:
    document = policy(allow(Condition={"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}))
    assert decide(document) is ALLOWED
    with pytest.raises(ValueError, match="aws:principalaccount"):
        decide(document, context={"aws:principalaccount": "999999999999"})


def test_matching_statements_name_themselves_and_their_policy() -> None:
    document = policy(allow(Sid="Everything"), deny("kms:*", Sid="NoKeys"), allow("s3:Get*", Sid="Read"))
    found = matching(parse_policy(document, source="recommend"), Request("s3:GetObject", MODEL, {}, PRINCIPAL))
    assert [(statement.source, statement.sid) for statement in found] == [
        ("recommend", "Everything"),
        ("recommend", "Read"),
    ]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{}", "a policy is an object"),
        ({"Version": "2012-10-17"}, "no Statement"),
        ({"Version": "2020-01-01", "Statement": []}, "2020-01-01"),
        ({**policy(allow()), "Comment": "none"}, "a policy is an object"),
        ({**policy(allow()), "Id": "mine"}, "no Id"),
        (policy({**allow(), "Actions": "*"}), "is not a statement"),
        (policy({**allow(), "Effect": "allow"}), "allow"),
        (policy({**allow(), "NotAction": "s3:*"}), "exactly one of Action and NotAction"),
        (policy({**allow(), "NotResource": "*"}), "exactly one of Resource and NotResource"),
        (policy({"Effect": "Allow", "Action": "s3:*"}), "exactly one of Resource"),
        (policy({"Effect": "Allow", "Resource": "*"}), "exactly one of Action"),
        (policy(allow(action=[])), "Action is empty"),
        (policy(allow(resource="")), "Resource is empty"),
        (policy(allow(Principal="*")), "must not have"),
        (policy(allow("GetObject")), "is not an action"),
        (policy(allow("s*:GetObject")), "is not an action"),
        (policy(allow("s3:Get Object")), "is not an action"),
        (policy(allow(resource="shop")), "six fields"),
        (policy(allow(resource="arn:aws:s3")), "six fields"),
        (policy(allow(resource={"Ref": "Bucket"})), "is not an ARN"),
        ({**policy(allow()), "Version": ["2012-10-17"]}, "Version"),
        (policy(allow(Sid=1)), "letters and digits"),
        (policy(allow(Sid="with space")), "letters and digits"),
        (policy(allow(Sid="Same"), deny(Sid="Same")), "same Sid"),
    ],
)
def test_a_document_that_aws_refuses_is_refused(document: Any, words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        parse_policy(document)


def test_a_refusal_names_policy_and_statement() -> None:
    with pytest.raises(PolicyError, match=r"^recommend: statement ReadModels: .*GetObject"):
        parse_policy(policy(allow("GetObject", Sid="ReadModels")), source="recommend")


def test_a_resource_policy_needs_a_principal_and_a_trust_policy_no_resource() -> None:
    with pytest.raises(PolicyError, match="exactly one of Principal"):
        parse_policy(policy(allow()), PolicyKind.RESOURCE)
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    assert parse_policy(policy(trust), PolicyKind.TRUST)
    with pytest.raises(PolicyError, match="must not have"):
        parse_policy(policy({**trust, "Resource": "*"}), PolicyKind.TRUST)

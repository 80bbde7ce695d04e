"""Roles are assumed as their trust policies say; their credentials have the policies of the moment."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devstack.cloud.account import Account
from devstack.cloud.iam.authority import AccessDenied, Authority, UnknownEntity
from devstack.cloud.iam.patterns import PolicyError
from devstack.cloud.iam.policy import Decision, Request, evaluate
from tests.devstack.cloud.iam.samples import ACCOUNT, MODEL, ROLE, allow, deny, policy

LAMBDA = "lambda.amazonaws.com"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
PUBLISHER = f"arn:aws:iam::{ACCOUNT}:policy/publisher"
FUNCTION = f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:shop-recommend"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def trust(principal: Any, **others: Any) -> dict[str, Any]:
    return policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **others})


BY_LAMBDA = trust({"Service": LAMBDA})


@pytest.fixture
def authority() -> Authority:
    return Authority(Account(), clock=lambda: NOON)


def may(authority: Authority, access_key_id: str, action: str, resource: str = MODEL) -> bool:
    principal = authority.principal_of(access_key_id)
    return evaluate(principal.statements, Request(action, resource, {}, principal)) is Decision.ALLOW


def test_a_service_assumes_a_role_that_trusts_it(authority: Authority) -> None:
    # GIVEN a role for Lambda
    authority.put_role(ROLE, BY_LAMBDA, {"recommend": policy(allow("s3:GetObject"))})

    # WHEN Lambda assumes it for a function
    credentials = authority.assume(ROLE, "shop-recommend", by=LAMBDA, source_function_arn=FUNCTION)

    # THEN the session has the role's policies and says who it is
    assert may(authority, credentials.access_key_id, "s3:GetObject")
    assert not may(authority, credentials.access_key_id, "s3:PutObject")
    principal = authority.principal_of(credentials.access_key_id)
    assert principal.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/recommend/shop-recommend"
    assert principal.role_arn == ROLE
    assert principal.account == ACCOUNT
    assert principal.context["aws:PrincipalArn"] == (ROLE,)
    assert principal.context["aws:PrincipalAccount"] == (ACCOUNT,)
    assert principal.context["lambda:SourceFunctionArn"] == (FUNCTION,)
    assert principal.context["aws:TokenIssueTime"] == ("2026-01-02T12:00:00Z",)
    assert credentials.expires == NOON + timedelta(hours=1)
    assert credentials.access_key_id.startswith("ASIA")


def test_credentials_without_a_function_have_no_key_of_it(authority: Authority) -> None:
    authority.put_role(ROLE, BY_LAMBDA, {})
    credentials = authority.assume(ROLE, "session", by=LAMBDA)
    assert "lambda:SourceFunctionArn" not in authority.principal_of(credentials.access_key_id).context


def test_a_deny_for_the_functions_own_code_applies_to_its_credentials_only(authority: Authority) -> None:
    own_code = deny("ec2:*", Condition={"ArnEquals": {"lambda:SourceFunctionArn": FUNCTION}})
    authority.put_role(ROLE, BY_LAMBDA, {"network": policy(allow("ec2:*"), own_code)})
    of_function = authority.assume(ROLE, "code", by=LAMBDA, source_function_arn=FUNCTION)
    of_service = authority.assume(ROLE, "service", by=LAMBDA)

    assert not may(authority, of_function.access_key_id, "ec2:DescribeSubnets", "*")
    assert may(authority, of_service.access_key_id, "ec2:DescribeSubnets", "*")


@pytest.mark.parametrize(
    ("document", "by"),
    [
        (BY_LAMBDA, "codedeploy.amazonaws.com"),
        (BY_LAMBDA, ROOT),
        (trust({"AWS": ROOT}), LAMBDA),
        (trust({"AWS": ROOT}), "arn:aws:iam::999999999999:root"),
        (trust({"AWS": f"arn:aws:iam::{ACCOUNT}:role/ci"}), f"arn:aws:iam::{ACCOUNT}:role/other"),
        (trust({"Service": LAMBDA}, Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}}), LAMBDA),
        (policy({"Effect": "Allow", "Principal": {"Service": LAMBDA}, "Action": "sts:TagSession"}), LAMBDA),
    ],
)
def test_a_role_is_refused_to_others(authority: Authority, document: Any, by: str) -> None:
    authority.put_role(ROLE, document, {})
    with pytest.raises(AccessDenied, match=f"{by} is not authorized to perform: sts:AssumeRole"):
        authority.assume(ROLE, "session", by=by)


def test_a_role_that_is_trusted_by_its_account_needs_a_policy_of_its_own(authority: Authority) -> None:
    ci = f"arn:aws:iam::{ACCOUNT}:role/ci"
    authority.put_role(ROLE, trust({"AWS": ROOT}), {})
    with pytest.raises(AccessDenied):
        authority.assume(ROLE, "session", by=ci)
    authority.put_role(ci, BY_LAMBDA, {"assume": policy(allow("sts:AssumeRole", ROLE))})
    assert authority.assume(ROLE, "session", by=ci)
    # A role that the trust policy names needs none, but must not be denied it.
    authority.put_role(ROLE, trust({"AWS": ci}), {})
    authority.put_role(ci, BY_LAMBDA, {})
    assert authority.assume(ROLE, "session", by=ci)
    authority.put_role(ci, BY_LAMBDA, {"assume": policy(deny("sts:*"))})
    with pytest.raises(AccessDenied):
        authority.assume(ROLE, "session", by=ci)


def test_a_trust_policys_condition_reads_the_calls_context(authority: Authority) -> None:
    document = trust({"Service": LAMBDA}, Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}})
    authority.put_role(ROLE, document, {})
    assert authority.assume(ROLE, "session", by=LAMBDA, context={"aws:SourceAccount": (ACCOUNT,)})


def test_an_actor_has_its_managed_policies(authority: Authority) -> None:
    authority.put_managed_policy(PUBLISHER, policy(allow("s3:PutObject")))
    credentials = authority.assume_with_policy_arns("publisher", [PUBLISHER])
    assert may(authority, credentials.access_key_id, "s3:PutObject")
    assert not may(authority, credentials.access_key_id, "s3:GetObject")


def test_credentials_follow_changes_of_policies_at_once(authority: Authority) -> None:
    authority.put_managed_policy(PUBLISHER, policy(allow("s3:PutObject")))
    authority.put_role(ROLE, BY_LAMBDA, {"inline": policy(allow("s3:GetObject"))}, [PUBLISHER])
    key = authority.assume(ROLE, "session", by=LAMBDA).access_key_id
    user_id = authority.principal_of(key).context["aws:userid"]

    authority.put_managed_policy(PUBLISHER, policy(allow("s3:DeleteObject")))
    authority.put_role(ROLE, BY_LAMBDA, {}, [PUBLISHER])

    assert [may(authority, key, f"s3:{name}Object") for name in ("Get", "Put", "Delete")] == [False, False, True]
    assert authority.principal_of(key).context["aws:userid"] == user_id


def test_a_deleted_role_has_no_credentials(authority: Authority) -> None:
    authority.put_role(ROLE, BY_LAMBDA, {})
    key = authority.assume(ROLE, "session", by=LAMBDA).access_key_id
    authority.delete_role(ROLE)

    assert authority.credentials_of(key) is None
    for call in (
        lambda: authority.principal_of(key),
        lambda: authority.delete_role(ROLE),
        lambda: authority.assume(ROLE, "session", by=LAMBDA),
    ):
        with pytest.raises(UnknownEntity):
            call()


def test_a_managed_policy_in_use_is_not_deleted(authority: Authority) -> None:
    authority.put_managed_policy(PUBLISHER, policy(allow("s3:PutObject")))
    authority.put_role(ROLE, BY_LAMBDA, {}, [PUBLISHER])
    with pytest.raises(ValueError, match="attached to"):
        authority.delete_managed_policy(PUBLISHER)
    authority.put_role(ROLE, BY_LAMBDA, {})
    authority.delete_managed_policy(PUBLISHER)
    with pytest.raises(UnknownEntity):
        authority.delete_managed_policy(PUBLISHER)


def test_what_aws_refuses_is_refused(authority: Authority) -> None:
    with pytest.raises(UnknownEntity, match="publisher"):
        authority.put_role(ROLE, BY_LAMBDA, {}, [PUBLISHER])
    with pytest.raises(PolicyError, match=r"recommend/inline: .*must not have"):
        authority.put_role(ROLE, BY_LAMBDA, {"inline": policy(allow(Principal="*"))})
    with pytest.raises(PolicyError, match=r"trust policy of recommend: .*Principal"):
        authority.put_role(ROLE, policy({"Effect": "Allow", "Action": "sts:AssumeRole"}), {})
    with pytest.raises(ValueError, match="not the ARN of a role"):
        authority.put_role("recommend", BY_LAMBDA, {})
    authority.put_role(ROLE, BY_LAMBDA, {})
    with pytest.raises(ValueError, match="session name"):
        authority.assume(ROLE, "a/b", by=LAMBDA)
    with pytest.raises(ValueError, match="not the ARN of an account's root"):
        authority.assume(ROLE, "session", by=f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/session")


def test_policies_have_quotas(authority: Authority) -> None:
    half = policy(allow("s3:GetObject", [f"{MODEL}/{number:04}" for number in range(130)]))
    whole = policy(allow("s3:GetObject", [f"{MODEL}/{number:04}" for number in range(260)]))
    authority.put_managed_policy(PUBLISHER, half)
    with pytest.raises(PolicyError, match="the quota of IAM is 6144"):
        authority.put_managed_policy(PUBLISHER, whole)
    authority.put_role(ROLE, BY_LAMBDA, {"a": half})
    with pytest.raises(PolicyError, match="the quota of IAM is 10240"):
        authority.put_role(ROLE, BY_LAMBDA, {"a": half, "b": whole})
    with pytest.raises(PolicyError, match="the quota of IAM is 2048"):
        authority.put_role(ROLE, trust({"AWS": [f"arn:aws:iam::{ACCOUNT}:role/{n}" for n in range(100)]}), {})


def test_a_role_may_have_a_path(authority: Authority) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:role/service-role/shop/recommend"
    authority.put_role(arn, BY_LAMBDA, {})
    key = authority.assume(arn, "session", by=LAMBDA).access_key_id
    assert authority.principal_of(key).arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/recommend/session"
    assert authority.principal_of(key).role_arn == arn

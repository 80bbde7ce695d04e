"""Resource policies name principals: accounts, roles, sessions and services."""

from typing import Any

import pytest

from devstack.cloud.iam.authority import service_principal
from devstack.cloud.iam.patterns import PolicyError
from devstack.cloud.iam.policy import Decision, PolicyKind, Principal, parse_policy
from tests.devstack.cloud.iam.samples import ACCOUNT, PRINCIPAL, ROLE, SESSION, allow, decide, deny, policy

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
OTHER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/other"
GATEWAY = service_principal("apigateway.amazonaws.com")
ANYBODY = Principal()


def is_named(element: Any, principal: Principal = PRINCIPAL) -> bool:
    document = policy(allow(Principal=element))
    return decide(document, kind=PolicyKind.RESOURCE, principal=principal) is Decision.ALLOW


@pytest.mark.parametrize(
    "element", ["*", {"AWS": "*"}, {"AWS": ROOT}, {"AWS": ACCOUNT}, {"AWS": ROLE}, {"AWS": [OTHER_ROLE, SESSION]}]
)
def test_a_session_is_named_by_itself_its_role_its_account_or_everybody(element: Any) -> None:
    assert is_named(element)


@pytest.mark.parametrize(
    "element",
    [
        {"AWS": OTHER_ROLE},
        {"AWS": "999999999999"},
        {"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/recommend/other"},
        {"Service": "lambda.amazonaws.com"},
    ],
)
def test_a_session_is_not_named_by_others(element: Any) -> None:
    assert not is_named(element)


def test_a_service_is_named_by_its_name_only() -> None:
    assert is_named({"Service": ["sns.amazonaws.com", "apigateway.amazonaws.com"]}, GATEWAY)
    assert not is_named({"Service": "sns.amazonaws.com"}, GATEWAY)
    assert not is_named({"AWS": ROOT}, GATEWAY)


def test_an_anonymous_request_is_everybodys() -> None:
    assert is_named("*", ANYBODY)
    assert not is_named({"AWS": ROOT}, ANYBODY)


def test_an_account_alone_does_not_name_its_principals_themselves() -> None:
    document = policy(allow(Principal={"AWS": ROOT}), allow(Principal={"AWS": [ROOT, ROLE]}))
    by_account, by_role = parse_policy(document, PolicyKind.RESOURCE)
    assert not by_account.names_itself(PRINCIPAL)
    assert by_role.names_itself(PRINCIPAL)


@pytest.mark.parametrize(
    ("spared", "expected"),
    [
        ({"AWS": [ROOT, ROLE, SESSION]}, Decision.ALLOW),
        ({"AWS": [ROOT, ROLE]}, Decision.EXPLICIT_DENY),
        ({"AWS": ROLE}, Decision.EXPLICIT_DENY),
        ({"Service": "lambda.amazonaws.com"}, Decision.EXPLICIT_DENY),
        ("*", Decision.ALLOW),
    ],
)
def test_not_principal_spares_who_is_listed_with_account_and_role(spared: Any, expected: Decision) -> None:
    refuse = deny(NotPrincipal=spared)
    document = policy(allow(Principal="*"), refuse)
    assert decide(document, kind=PolicyKind.RESOURCE) is expected


def test_not_principal_spares_a_service() -> None:
    document = policy(allow(Principal="*"), deny(NotPrincipal={"Service": "apigateway.amazonaws.com"}))
    assert decide(document, kind=PolicyKind.RESOURCE, principal=GATEWAY) is Decision.ALLOW
    assert decide(document, kind=PolicyKind.RESOURCE, principal=ANYBODY) is Decision.EXPLICIT_DENY


@pytest.mark.parametrize(
    "element",
    [
        {"AWS": f"arn:aws:iam::{ACCOUNT}:role/*"},
        {"AWS": "recommend"},
        {"Service": "*"},
        {"Service": "lambda"},
        {"Federated": "accounts.google.com"},
        {"CanonicalUser": "79a59df900b949e5"},
        {"AWS": {"Ref": "Role"}},
        {"AWS": []},
        [],
        "everybody",
    ],
)
def test_a_principal_that_aws_refuses_or_that_is_not_modelled_is_refused(element: Any) -> None:
    with pytest.raises(PolicyError, match="Principal"):
        is_named(element)


def test_not_principal_does_not_allow() -> None:
    with pytest.raises(PolicyError, match="only with Deny"):
        parse_policy(policy(allow(NotPrincipal={"AWS": ROLE})), PolicyKind.RESOURCE)

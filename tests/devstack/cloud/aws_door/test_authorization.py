"""Which policies must allow an action together, without requests: the parts that no client of the project sends."""

from typing import Any

import pytest

from devstack.cloud.account import Account
from devstack.cloud.aws_door.authorization import Authorizer, Caller
from devstack.cloud.aws_door.call import Call
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.iam.authority import service_principal
from devstack.cloud.iam.patterns import PolicyError
from devstack.cloud.iam.policy import Principal, parse_policy
from devstack.cloud.resources import Deployment, Resource
from tests.devstack.cloud.aws_door.small_cloud import allow, document

ACCOUNT = Account()
FUNCTION = ACCOUNT.arn("lambda", "function:shop-recommend")
API = ACCOUNT.arn("execute-api", "abc/*")
ROLE = ACCOUNT.iam_arn("role/reader")
SECRET = ACCOUNT.arn("secretsmanager", "secret:key-a1b2c3")


def authorizer(*resources: Resource) -> Authorizer:
    deployment = Deployment("shop", ACCOUNT, {}, {resource.logical_id: resource for resource in resources})
    return Authorizer(Catalogue(deployment))


def principal(*statements: dict[str, Any]) -> Principal:
    parsed = parse_policy(document(*statements), source="reader/policy") if statements else ()
    return Principal(f"{ROLE}/session", ACCOUNT.id, parsed, {}, ROLE)


def function_with(permission: dict[str, Any]) -> tuple[Authorizer, Resource]:
    function = Resource("Recommend", "AWS::Lambda::Function", {}, "shop-recommend", {"Arn": FUNCTION})
    properties = {"FunctionName": f"{FUNCTION}:live", "Action": "lambda:InvokeFunction", **permission}
    return authorizer(function, Resource("MayInvoke", "AWS::Lambda::Permission", properties, "id")), function


@pytest.mark.parametrize(
    ("service", "source", "qualifier", "allowed"),
    [
        ("apigateway.amazonaws.com", API, ":live", True),
        ("apigateway.amazonaws.com", API, "", False),
        ("apigateway.amazonaws.com", ACCOUNT.arn("execute-api", "other/*"), ":live", False),
        ("secretsmanager.amazonaws.com", API, ":live", False),
    ],
)
def test_a_service_invokes_by_a_permission(service: str, source: str, qualifier: str, *, allowed: bool) -> None:
    # GIVEN a permission of an alias for one API
    decider, function = function_with({"Principal": "apigateway.amazonaws.com", "SourceArn": API})

    # WHEN a service invokes in the name of a resource
    caller = Caller(service_principal(service), None, {"aws:SourceArn": (source,)})
    decision = decider.decide(caller, Call("lambda", "lambda:InvokeFunction", FUNCTION + qualifier, function))

    # THEN the permission must match alias, service and source
    assert decision.allowed == allowed
    assert decision.statements == ((("MayInvoke", ""),) if allowed else ())


@pytest.mark.parametrize(("account", "allowed"), [(ACCOUNT.id, True), ("999999999999", False)])
def test_a_permission_may_name_the_source_account(account: str, *, allowed: bool) -> None:
    decider, function = function_with({"Principal": "secretsmanager.amazonaws.com", "SourceAccount": ACCOUNT.id})

    caller = Caller(service_principal("secretsmanager.amazonaws.com"), None, {"aws:SourceAccount": (account,)})

    call = Call("lambda", "lambda:InvokeFunction", f"{FUNCTION}:live", function)
    assert decider.decide(caller, call).allowed == allowed


def test_a_part_of_a_permission_that_is_not_modelled_is_refused() -> None:
    decider, function = function_with({"Principal": "*", "FunctionUrlAuthType": "NONE"})

    with pytest.raises(PolicyError, match="FunctionUrlAuthType"):
        decider.decide(Caller(principal()), Call("lambda", "lambda:InvokeFunction", FUNCTION, function))


@pytest.mark.parametrize(
    ("own", "of_secret", "reason"),
    [
        ([], [], "because no identity-based policy allows the secretsmanager:GetSecretValue action"),
        (["Allow"], [], ""),
        ([], ["Allow"], ""),
        (["Allow", "Deny"], ["Allow"], "with an explicit deny in an identity-based policy"),
        (["Allow"], ["Deny"], "with an explicit deny in a resource-based policy"),
    ],
)
def test_within_an_account_one_side_is_enough_and_a_deny_wins(
    own: list[str], of_secret: list[str], reason: str
) -> None:
    # GIVEN policies of a role and of a secret
    action = "secretsmanager:GetSecretValue"
    secret = Resource("Secret", "AWS::SecretsManager::Secret", {}, SECRET)
    statements = [{**allow(action, "*", Principal={"AWS": ROLE}), "Effect": effect} for effect in of_secret]
    policy = {"SecretId": SECRET, "ResourcePolicy": document(*statements)}
    policies = [Resource("SecretPolicy", "AWS::SecretsManager::ResourcePolicy", policy, "id")] if statements else []
    caller = principal(*({**allow(action, SECRET, effect), "Effect": effect} for effect in own))

    # THEN the decision follows both
    decision = authorizer(secret, *policies).decide(Caller(caller), Call("secretsmanager", action, SECRET, secret))
    assert (decision.allowed, decision.reason) == (not reason, reason)


def test_an_allow_for_the_account_grants_nothing_by_itself() -> None:
    # GIVEN a secret whose policy allows the whole account, and a role without policies
    secret = Resource("Secret", "AWS::SecretsManager::Secret", {}, SECRET)
    statement = allow("secretsmanager:GetSecretValue", "*", Principal={"AWS": ACCOUNT.iam_arn("root")})
    policy = {"SecretId": SECRET, "ResourcePolicy": document(statement)}
    resources = (secret, Resource("SecretPolicy", "AWS::SecretsManager::ResourcePolicy", policy, "id"))

    # THEN the role's own policies decide
    call = Call("secretsmanager", "secretsmanager:GetSecretValue", SECRET, secret)
    assert not authorizer(*resources).decide(Caller(principal()), call).allowed

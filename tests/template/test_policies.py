"""Every policy of the template is one that IAM accepts, and that the local cloud can evaluate."""

from collections.abc import Iterator
from typing import Any

import pytest

from devstack.cloud.iam.authority import Authority
from devstack.cloud.iam.policy import PolicyKind, parse_policy
from devstack.template.intrinsics import resolve_value
from devstack.template.stack import Stack, Values, deployed
from tests.template.combinations import COMBINATIONS
from tests.template.names import ACCOUNT, Names
from tests.template.resolved import monitoring


def documents(resources: dict[str, Any]) -> Iterator[tuple[str, PolicyKind, Any]]:
    """Yield each policy document of a template with the name of its resource."""
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        identity = resource["Type"] in {"AWS::IAM::ManagedPolicy", "AWS::IAM::Role"}
        for key in ("PolicyDocument", "KeyPolicy", "ResourcePolicy"):
            if key in properties:
                yield name, PolicyKind.IDENTITY if identity else PolicyKind.RESOURCE, properties[key]
        if "AssumeRolePolicyDocument" in properties:
            yield name, PolicyKind.TRUST, properties["AssumeRolePolicyDocument"]
        for policy in properties.get("Policies", []):
            yield name, PolicyKind.IDENTITY, policy["PolicyDocument"]


@pytest.mark.parametrize("values", COMBINATIONS.values(), ids=COMBINATIONS.keys())
def test_every_policy_is_parsed(values: Values) -> None:
    found = list(documents(deployed(values).resources))
    assert {kind for _, kind, _ in found} == set(PolicyKind)
    for name, kind, document in found:
        parse_policy(resolve_value(document, Names()), kind, source=name)


def test_every_policy_of_the_monitoring_is_parsed() -> None:
    found = list(documents(monitoring({})))
    assert {name for name, _, _ in found} >= {"TopicKey", "PageTopicPolicy", "TicketTopicPolicy"}
    for name, kind, document in found:
        parse_policy(resolve_value(document, Names()), kind, source=name)


def test_policies_keep_to_iams_quotas(stack: Stack) -> None:
    authority = Authority(ACCOUNT)
    for name, policy in stack.of_type("AWS::IAM::ManagedPolicy").items():
        authority.put_managed_policy(
            ACCOUNT.iam_arn(f"policy/{name}"), resolve_value(policy["PolicyDocument"], Names())
        )
    for name, role in stack.of_type("AWS::IAM::Role").items():
        inline = {policy["PolicyName"]: resolve_value(policy["PolicyDocument"], Names()) for policy in role["Policies"]}
        trust = resolve_value(role["AssumeRolePolicyDocument"], Names())
        authority.put_role(ACCOUNT.iam_arn(f"role/{name}"), trust, inline)

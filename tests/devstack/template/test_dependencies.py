"""Resources are created after everything that they refer to or wait for."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.template.dependencies import closure, creation_order, dependencies

STACK: dict[str, dict[str, Any]] = {
    "Alias": {
        "Type": "AWS::Lambda::Alias",
        "Properties": {"FunctionVersion": {"Fn::GetAtt": ["Version", "Version"]}},
        "UpdatePolicy": {"CodeDeployLambdaAliasUpdate": {"DeploymentGroupName": {"Ref": "Group"}}},
    },
    "Version": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Function"}}},
    "Function": {
        "Type": "AWS::Lambda::Function",
        "DependsOn": ["Endpoint", "OfAnotherCondition"],
        "Properties": {"Role": {"Fn::Sub": "arn:${AWS::Partition}:${Role.Arn}"}},
    },
    "Endpoint": {"Type": "AWS::EC2::VPCEndpoint", "DependsOn": "Routes"},
    "Routes": {"Type": "AWS::EC2::RouteTable"},
    "Role": {"Type": "AWS::IAM::Role"},
    "Group": {"Type": "AWS::CodeDeploy::DeploymentGroup"},
}


def test_references_and_depends_on_count_wherever_they_are() -> None:
    assert dependencies(STACK) == {
        "Alias": {"Version", "Group"},
        "Version": {"Function"},
        "Function": {"Role", "Endpoint"},
        "Endpoint": {"Routes"},
        "Routes": set(),
        "Role": set(),
        "Group": set(),
    }


def test_a_closure_has_everything_before_a_resource_and_nothing_else() -> None:
    assert closure(STACK, "Version") == {"Function", "Role", "Endpoint", "Routes"}
    assert closure(STACK, "Group") == set()


def test_unknown_resources_are_named() -> None:
    with pytest.raises(ValueError, match="there is no resource Vresion"):
        closure(STACK, "Vresion")
    with pytest.raises(ValueError, match="Rule refers to Bukcet"):
        creation_order(STACK | {"Rule": {"Type": "T", "Properties": {"Name": {"Ref": "Bukcet"}}}})


def test_a_cycle_is_named_in_the_direction_of_its_references() -> None:
    cyclic = STACK | {"Role": {"Type": "AWS::IAM::Role", "Properties": {"Path": {"Ref": "Version"}}}}

    with pytest.raises(ValueError, match="circular dependency") as caught:
        creation_order(cyclic)

    names = str(caught.value).removeprefix("circular dependency: ").split(" -> ")
    assert names[0] == names[-1]
    assert set(names) == {"Version", "Function", "Role"}
    assert all(later in dependencies(cyclic)[name] for name, later in pairwise(names))


@given(st.lists(st.sets(st.integers(0, 11)), min_size=12, max_size=12))
@pytest.mark.slow
def test_an_order_follows_every_dependency_and_never_changes(targets: list[set[int]]) -> None:
    # GIVEN resources that refer to earlier ones only
    resources = {
        f"R{number}": {"Type": "T", "Properties": [{"Ref": f"R{target}"} for target in needed if target < number]}
        for number, needed in enumerate(targets)
    }

    # WHEN they are ordered
    order = creation_order(resources)

    # THEN each comes once, after what it needs, and a closure is always a part of what came before
    assert sorted(order) == sorted(resources)
    assert order == creation_order(resources)
    for name, needed in dependencies(resources).items():
        assert needed <= closure(resources, name) <= set(order[: order.index(name)])

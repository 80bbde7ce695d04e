"""A second release: what changes, in which order, and how it is taken back."""

from typing import Any

import pytest

from devstack.cloud.deploying.inventory import inventory
from devstack.cloud.deploying.resource_type import Shift, Site
from devstack.cloud.deploying.stacks import delete, deploy, update
from devstack.cloud.resources import Deployment
from devstack.template.stack import Stack, Values, deployed
from tests.template.combinations import COLD, STORE


def alias_serves(site: Site, stack_name: str, alias: str = "live") -> str:
    """Return the version behind an alias of the recommend function."""
    answer = site.clients.call("lambda", "GetAlias", FunctionName=f"{stack_name}-recommend", Name=alias)
    version: str = answer["FunctionVersion"]
    return version


def second_release(values: Values | None = None) -> Stack:
    def change(template: dict[str, Any]) -> None:
        template["Globals"]["Function"]["Environment"]["Variables"]["NEXTITEM_DEADLINE_MS"] = "110"

    return deployed(values, change)


def environment(deployment: Deployment) -> dict[str, str]:
    variables: dict[str, str] = deployment.resources["RecommendFunction"].properties["Environment"]["Variables"]
    return variables


@pytest.mark.slow
def test_a_release_moves_the_alias_when_codedeploy_has_agreed(site: Site, stack_name: str) -> None:
    # GIVEN a deployed stack
    deployment = deploy(site, deployed(), stack_name)
    (first,) = deployment.of_type("AWS::Lambda::Version")
    shifts = []

    def shift(shift: Shift) -> None:
        # THEN the new version exists, the hook knows it, and the alias still serves the old one
        (second,) = (version for version in deployment.of_type("AWS::Lambda::Version") if version is not first)
        assert second.attributes["Version"] == "2"
        hook = deployment.resources["PreTrafficFunction"]
        assert hook.physical_id == shift.hook
        assert hook.properties["Environment"]["Variables"]["NEW_VERSION_ARN"] == second.physical_id
        assert deployment.resources[shift.alias.logical_id] is shift.alias
        assert alias_serves(site, stack_name) == "1"
        shifts.append(shift)

    # WHEN a second release changes a property
    update(site, deployment, second_release(), shift=shift)

    # THEN CodeDeploy was asked once, and the alias serves the new version
    (asked,) = shifts
    assert (asked.before, asked.after) == ("1", "2")
    assert asked.application == deployment.only("AWS::CodeDeploy::Application").physical_id
    assert asked.group == deployment.only("AWS::CodeDeploy::DeploymentGroup").physical_id
    assert alias_serves(site, stack_name) == "2"
    assert environment(deployment)["NEXTITEM_DEADLINE_MS"] == "110"

    # AND the old version is deleted, as the template says, and every resource is in the order of its dependencies
    (second,) = deployment.of_type("AWS::Lambda::Version")
    name = f"{stack_name}-recommend"
    versions = site.clients.call("lambda", "ListVersionsByFunction", FunctionName=name)["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", second.attributes["Version"]]
    seen: set[str] = set()
    for resource in deployment.resources.values():
        assert set(resource.depends_on) <= seen
        seen.add(resource.logical_id)
    delete(site, deployment)


@pytest.mark.slow
def test_a_refused_release_is_rolled_back(site: Site, stack_name: str) -> None:
    # GIVEN a deployed stack
    deployment = deploy(site, deployed(), stack_name)
    before = dict(deployment.resources)

    def refuse(shift: Shift) -> None:
        raise RuntimeError("the new version is bad")

    # WHEN the second release's check fails
    with pytest.raises(RuntimeError, match="the new version is bad"):
        update(site, deployment, second_release(), shift=refuse)

    # THEN the stack is what it was
    assert deployment.resources.keys() == before.keys()
    assert {name: found.properties for name, found in deployment.resources.items()} == {
        name: found.properties for name, found in before.items()
    }
    assert alias_serves(site, stack_name) == "1"
    latest = site.clients.call("lambda", "GetFunctionConfiguration", FunctionName=f"{stack_name}-recommend")
    assert latest["Environment"]["Variables"]["NEXTITEM_DEADLINE_MS"] == "120"

    # AND a third release is possible
    update(site, deployment, second_release(), shift=lambda _: None)
    assert alias_serves(site, stack_name) != "1"
    delete(site, deployment)


@pytest.mark.slow
def test_new_code_alone_is_a_release_only_with_a_new_name_of_its_version(site: Site, stack_name: str) -> None:
    # GIVEN a stack with code of its own
    site.code = {"RecommendFunction": b"PK one"}
    deployment = deploy(site, deployed(), stack_name)
    shifts: list[Shift] = []

    # WHEN other code is deployed by the same template
    site.code = {"RecommendFunction": b"PK two"}
    update(site, deployment, deployed(), shift=shifts.append)

    # THEN the function has it, but no version was published: the name of the version has not changed
    assert shifts == []
    assert alias_serves(site, stack_name) == "1"

    # WHEN the version is named after the code, as `make build` does
    def rename(template: dict[str, Any]) -> None:
        template["Resources"]["RecommendFunction"]["Properties"]["AutoPublishCodeSha256"] = "f" * 64

    update(site, deployment, deployed(None, rename), shift=shifts.append)

    # THEN it is a release
    assert [shift.after for shift in shifts] == ["2"]
    assert alias_serves(site, stack_name) == "2"
    delete(site, deployment)


@pytest.mark.slow
def test_another_kind_of_store_replaces_the_cache_and_the_variable(site: Site, stack_name: str) -> None:
    # GIVEN a stack with a serverless store
    before = inventory(site)
    deployment = deploy(site, deployed(), stack_name)

    # WHEN the parameter changes, and the version's name with it
    update(site, deployment, second_release({**STORE["nodes"]}), shift=lambda _: None)

    # THEN the stack has nodes, and the function their address
    assert "ServerlessCache" not in deployment.resources
    assert not list(site.of_type("AWS::ElastiCache::ServerlessCache"))
    address = deployment.resources["NodeCache"].attributes["PrimaryEndPoint.Address"]
    assert address in environment(deployment)["NEXTITEM_STORE_URL"]
    nested = deployment.nested["Monitoring"]
    assert nested.parameters["StoreKind"] == "nodes"
    assert deployment.parameters["StoreKind"] == "nodes"

    # AND everything can be deleted
    retained = {resource.physical_id for resource in delete(site, deployment)}
    assert {name for _, name in inventory(site) - before} == retained


@pytest.mark.slow
@pytest.mark.parametrize("cold", [name for name in COLD if name != "none"])
def test_another_strategy_is_an_update(site: Site, stack_name: str, cold: str) -> None:
    # GIVEN a stack without a strategy against cold starts
    deployment = deploy(site, deployed(COLD["none"]), stack_name)

    # WHEN it gets one, and then none again
    stack = second_release(COLD[cold])
    update(site, deployment, stack, shift=lambda _: None)

    # THEN its resources are those of the strategy
    assert deployment.resources.keys() == stack.resources.keys()
    back = deployed(COLD["none"])
    update(site, deployment, back, shift=lambda _: None)
    assert deployment.resources.keys() == back.resources.keys()
    delete(site, deployment)

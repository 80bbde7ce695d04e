"""CloudFormation's part: deploy, update and delete stacks, nested ones too."""

import uuid
from collections.abc import Callable
from functools import cache
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from devstack.cloud.deploying.changes import NESTED, DeploymentFailed, Pass, delete_resource
from devstack.cloud.deploying.resource_type import Created, Declared, ResourceType, Shift, Site, names, random_text
from devstack.cloud.deploying.types import TYPES
from devstack.cloud.resources import Deployment, Resource
from devstack.template.resolver import Resolver
from devstack.template.stack import ROOT, Stack


def deploy(site: Site, stack: Stack, stack_name: str) -> Deployment:
    """Create a stack. After a refusal, what was created is deleted, but for what the template retains.

    Args:
        site: the account.
        stack: the transformed template under some parameters.
        stack_name: becomes part of most names.

    Raises:
        DeploymentFailed: a type, a property or a value is not known, or AWS would refuse a resource.
        ValueError: references are circular or lead nowhere.

    Example:
        ``deploy(site, deployed({"StoreKind": "nodes"}), "shop")``
    """
    if stack_name in site.stacks:
        raise DeploymentFailed(f"the stack {stack_name} exists already")
    deployment = Deployment(stack_name, site.account, stack.values)
    creation = Pass(site, deployment, stack, KNOWN)
    site.stacks[stack_name], site.templates[stack_name] = deployment, stack
    try:
        creation.create_and_change()
    except BaseException:
        delete(site, deployment)
        raise
    creation.clean_up(stack.resources)
    return deployment


def update(site: Site, deployment: Deployment, stack: Stack, *, shift: Callable[[Shift], None] | None = None) -> None:
    """Change a stack into another one, such as a second release; `deployment` follows.

    Args:
        site: the account.
        deployment: of the stack.
        stack: what it becomes.
        shift: does CodeDeploy's part before an alias moves; see `Site.shift`.

    Raises:
        DeploymentFailed: a resource was refused. The stack is rolled back.
        Exception: whatever `shift` raised. The stack is rolled back.
    """
    site.shift = shift or site.shift
    before = site.templates[deployment.stack_name]
    change = Pass(site, deployment, stack, KNOWN)
    site.templates[deployment.stack_name] = stack
    try:
        change.create_and_change()
    except BaseException:
        replacements = change.take_back()
        rollback = Pass(site, deployment, before, KNOWN)
        rollback.create_and_change()
        rollback.clean_up({**before.resources, **stack.resources}, replacements)
        site.templates[deployment.stack_name] = before
        raise
    change.clean_up({**stack.resources, **before.resources})


def delete(site: Site, deployment: Deployment) -> list[Resource]:
    """Delete a stack in the reverse order of its creation, and return the retained resources.

    Raises:
        DeploymentFailed: AWS would refuse to delete a resource; those before it are deleted.
    """
    template = site.templates[deployment.stack_name]
    retained = []
    for name, resource in reversed(list(deployment.resources.items())):
        if template.resources[name].get("DeletionPolicy") == "Retain":
            retained.append(resource)
        else:
            delete_resource(site, KNOWN, deployment.stack_name, resource)
        del deployment.resources[name]
    del site.stacks[deployment.stack_name], site.templates[deployment.stack_name]
    live = {id(resource) for resource in site.live.values()}  # a deleted function takes its versions with it
    return [resource for resource in retained if id(resource) in live]


@cache
def _written(path: str) -> dict[str, Any]:
    """Return a nested template; parsing it takes a second."""
    parsed: dict[str, Any] = yaml_parse((ROOT / path).read_text(encoding="utf-8"))
    return parsed


def _nested(declared: Declared) -> Stack:
    """Return the nested stack under its parameters.

    Raises:
        ValueError: a parameter is missing, unknown or refused.
    """
    template = _written(declared.properties["TemplateURL"])
    given = {name: str(value) for name, value in declared.properties.get("Parameters", {}).items()}
    needed = {name for name, parameter in template["Parameters"].items() if "Default" not in parameter}
    if missing := sorted(needed - given.keys()):
        raise ValueError(f"Parameters: {missing[0]} is missing")
    resolver = Resolver(template, given)
    if broken := resolver.broken_rules():
        raise ValueError("; ".join(broken))
    return Stack(resolver.section("Resources"), resolver.section("Outputs"), resolver.values, {})


def _create_nested(site: Site, declared: Declared) -> Created:
    name = f"{declared.stack_name}-{declared.logical_id}-{random_text(12).upper()}"
    site.clients.check(
        "cloudformation", "CreateStack", StackName=name,
        # `sam package` uploads the template and writes its address here
        TemplateURL=f"https://s3.{site.account.region}.amazonaws.com/{declared.properties['TemplateURL']}",
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in declared.properties.get("Parameters", {}).items()
        ],
    )  # fmt: skip
    nested = deploy(site, _nested(declared), name)
    site.stacks[declared.stack_name].nested[declared.logical_id] = nested
    return Created(site.account.arn("cloudformation", f"stack/{name}/{uuid.uuid4()}"), _outputs(nested))


def _update_nested(site: Site, resource: Resource, declared: Declared) -> Created:
    nested = site.stacks[declared.stack_name].nested[declared.logical_id]
    update(site, nested, _nested(declared))
    return Created(resource.physical_id, _outputs(nested))


def _delete_nested(site: Site, resource: Resource) -> None:
    name = resource.physical_id.split("/")[1]
    delete(site, site.stacks[name])
    for stack in site.stacks.values():
        if resource.logical_id in stack.nested and stack.nested[resource.logical_id].stack_name == name:
            del stack.nested[resource.logical_id]


def _outputs(nested: Deployment) -> dict[str, str]:
    return {f"Outputs.{name}": value for name, value in nested.outputs.items()}


KNOWN: dict[str, ResourceType] = {
    **TYPES,
    NESTED: ResourceType(
        NESTED,
        names("TemplateURL Parameters"),
        _create_nested,
        _delete_nested,
        update=_update_nested,
        changeable=names("TemplateURL Parameters"),
    ),
}
"""All types of resources, by name."""

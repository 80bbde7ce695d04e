"""What must exist before a resource: its references and its ``DependsOn``, as CloudFormation orders creations."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from devstack.template.resolver import references
from devstack.template.stack import listed

Resources = Mapping[str, Mapping[str, Any]]
"""Resolved resources by logical id, such as `Stack.resources`."""


def dependencies(resources: Resources) -> dict[str, set[str]]:
    """Return for each resource the logical ids of those that CloudFormation creates before it.

    References count wherever they are in a resource: an alias waits for the deployment group that its ``UpdatePolicy``
    names. A ``DependsOn`` of a resource whose condition is false is ignored, as CloudFormation does.

    Raises:
        ValueError: a resource refers to one that does not exist.
    """
    direct = {}
    for name, resource in resources.items():
        needed = {reference for reference in references(resource) if not reference.startswith("AWS::")}
        if missing := needed - resources.keys():
            raise ValueError(f"{name} refers to {', '.join(sorted(missing))}, which does not exist")
        direct[name] = needed | (set(listed(resource.get("DependsOn", []))) & resources.keys())
    return direct


def creation_order(resources: Resources) -> list[str]:
    """Return the logical ids so that each follows its dependencies; the same for equal resources.

    Raises:
        ValueError: a resource refers to one that does not exist, or resources depend on each other in a cycle.
    """
    graph = {name: sorted(needed) for name, needed in dependencies(resources).items()}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        # graphlib lists a cycle from a dependency to what depends on it
        raise ValueError(f"circular dependency: {' -> '.join(reversed(error.args[1]))}") from error


def closure(resources: Resources, name: str) -> set[str]:
    """Return the logical ids of all resources that exist before `name` is created: its dependencies and theirs.

    Raises:
        ValueError: there is no such resource, or a resource refers to one that does not exist.
    """
    if name not in resources:
        raise ValueError(f"there is no resource {name}")
    direct = dependencies(resources)
    reached: set[str] = set()
    pending = [name]
    while pending:
        for needed in direct[pending.pop()] - reached:
            reached.add(needed)
            pending.append(needed)
    return reached

"""Edits of template.yaml's source: planted mistakes."""

from collections.abc import Callable
from typing import Any

from devstack.template.stack import listed

Source = dict[str, Any]


def properties(source: Source, name: str) -> dict[str, Any]:
    """Return the properties of a resource."""
    body: dict[str, Any] = source["Resources"][name]["Properties"]
    return body


def statement(source: Source, name: str, sid: str) -> dict[str, Any]:
    """Return one statement of a role, a policy or a key."""
    owner = properties(source, name)
    document = owner.get("PolicyDocument") or owner.get("KeyPolicy") or owner["Policies"][0]["PolicyDocument"]
    body: dict[str, Any]
    (body,) = [statement for statement in document["Statement"] if statement.get("Sid") == sid]
    return body


def with_value(name: str, key: str, value: Any) -> Callable[[Source], None]:
    """Set a property of a resource."""
    return lambda source: properties(source, name).__setitem__(key, value)


def without(name: str, key: str) -> Callable[[Source], None]:
    """Remove a property of a resource."""
    return lambda source: properties(source, name).__delitem__(key)


def stated(name: str, sid: str, **values: Any) -> Callable[[Source], None]:
    """Change a statement of a policy."""
    return lambda source: statement(source, name, sid).update(values)


def without_statement(name: str, sid: str) -> Callable[[Source], None]:
    """Remove a statement of a policy."""

    def plant(source: Source) -> None:
        document = properties(source, name)["PolicyDocument"]
        document["Statement"] = [each for each in document["Statement"] if each.get("Sid") != sid]

    return plant


def plain_store(source: Source) -> None:
    """Let the function reach its store without TLS."""
    variables = source["Globals"]["Function"]["Environment"]["Variables"]
    _, serverless, nodes = variables["NEXTITEM_STORE_URL"]["Fn::If"]
    serverless["Fn::Sub"] = serverless["Fn::Sub"].replace("rediss", "redis")
    nodes["Fn::Sub"] = nodes["Fn::Sub"].replace("rediss", "redis")


def not_awaited(name: str, dependency: str) -> Callable[[Source], None]:
    """Remove a dependency of a resource."""

    def plant(source: Source) -> None:
        resource = source["Resources"][name]
        resource["DependsOn"] = [waits for waits in listed(resource["DependsOn"]) if waits != dependency]

    return plant

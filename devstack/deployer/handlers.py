"""Read AWS's own descriptions of resource types and IAM actions, which cfn-lint's package carries.

A resource type's schema lists the permissions of its handlers, which CloudFormation runs with the caller's rights:
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

import cfnlint.data.AdditionalSpecs
from cfnlint.helpers import load_resource
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

REGION = "eu-central-1"
"""The region whose schemas are read; a type's handlers are the same everywhere."""


def handler_actions(resource_types: Iterable[str]) -> set[str]:
    """Return the IAM actions that create, read, update, delete and list resources of these types.

    Raises:
        ValueError: a type's schema names no permissions, so its policy would be incomplete.
    """
    actions = set()
    for resource_type in resource_types:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, resource_type).schema
        handlers = schema.get("handlers", {})
        named = {action for handler in handlers.values() for action in handler.get("permissions", ())}
        if not named:
            raise ValueError(f"cfn-lint's schema of {resource_type} lists no permissions; add them to scopes.ADDED")
        actions |= named
    return {_spelled(action) for action in actions}


def _spelled(action: str) -> str:
    """Return an action with its service in lower case and its name capitalised, so that it occurs once."""
    service, _, name = action.partition(":")
    return f"{service.lower()}:{name[:1].upper()}{name[1:]}"


@cache
def _actions_of(service: str) -> dict[str, Any]:
    described: dict[str, Any] = load_resource(cfnlint.data.AdditionalSpecs, "Policies.json")
    actions: dict[str, Any] = described.get(service, {}).get("Actions", {})
    return actions


def resource_kinds(action: str) -> frozenset[str] | None:
    """Return the kinds of resources that an action can be limited to, in lower case; None for an unknown action.

    Example:
        ``resource_kinds("lambda:UpdateAlias")`` is ``{"function"}``.
    """
    service, _, name = action.partition(":")
    described = _actions_of(service).get(name.lower())
    return None if described is None else frozenset(kind.lower() for kind in described.get("Resources", ()))

"""One mistake in template.yaml, and the edits that make mistakes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from devstack.template.stack import Edit, Values
from tests.template.edits import Source, properties, statement

NODES: Values = {"StoreKind": "nodes"}
MANAGED: Values = {"ColdStartStrategy": "managed-instances"}
OTHER_ACCOUNT = {"StringEquals": {"aws:PrincipalAccount": "210987654321"}}


@dataclass(frozen=True)
class Mutant:
    """One mistake.

    Attributes:
        kind: such as ``prefix`` or ``condition``.
        plant: makes it.
        values: of the template's parameters.
    """

    kind: str
    plant: Edit
    values: Values = field(default_factory=dict)


def sub(text: str) -> dict[str, str]:
    """Return a Fn::Sub."""
    return {"Fn::Sub": text}


def models(*prefixes: str) -> list[dict[str, str]]:
    """Return objects of the bucket by prefix, as a statement names them."""
    return [sub(f"${{ModelBucket.Arn}}/{prefix}/*") for prefix in prefixes]


def via(service: str, region: str = "${AWS::Region}") -> dict[str, Any]:
    """Return the condition that a key is used by one service only."""
    return {"StringEquals": {"kms:ViaService": sub(f"{service}.{region}.amazonaws.com")}}


def variable(name: str, value: Any) -> Edit:
    """Set a variable of the recommend function."""

    def plant(source: Source) -> None:
        source["Globals"]["Function"]["Environment"]["Variables"][name] = value

    return plant


def store_url(change: Callable[[str], str]) -> Edit:
    """Change the text of both store URLs."""

    def plant(source: Source) -> None:
        _, *urls = source["Globals"]["Function"]["Environment"]["Variables"]["NEXTITEM_STORE_URL"]["Fn::If"]
        for url in urls:
            url["Fn::Sub"] = change(url["Fn::Sub"])

    return plant


def access(change: Callable[[str], str]) -> Edit:
    """Change the store user's access string."""

    def plant(source: Source) -> None:
        user = properties(source, "StoreUser")
        user["AccessString"] = change(user["AccessString"])

    return plant


def actions(owner: str, sid: str, *dropped: str) -> Edit:
    """Remove actions of a statement."""

    def plant(source: Source) -> None:
        body = statement(source, owner, sid)
        body["Action"] = [action for action in body["Action"] if action not in dropped]

    return plant


def endpoint(name: str, **changes: Any) -> Edit:
    """Change the statement of an endpoint's policy."""

    def plant(source: Source) -> None:
        (body,) = properties(source, name)["PolicyDocument"]["Statement"]
        body |= changes

    return plant


def port(group: str, number: int) -> Edit:
    """Change the port of a security group's ingress rule."""

    def plant(source: Source) -> None:
        (rule,) = properties(source, group)["SecurityGroupIngress"]
        rule |= {"FromPort": number, "ToPort": number}

    return plant


def trusted_by(role: str, service: str) -> Edit:
    """Let another service assume a role."""

    def plant(source: Source) -> None:
        (trust,) = properties(source, role)["AssumeRolePolicyDocument"]["Statement"]
        trust["Principal"] = {"Service": service}

    return plant


def removed(name: str) -> Edit:
    """Remove a resource, and the dependencies on it."""

    def plant(source: Source) -> None:
        del source["Resources"][name]
        for resource in source["Resources"].values():
            waits = resource.get("DependsOn", [])
            if name in waits and not isinstance(waits, str):
                waits.remove(name)
            elif name == waits:
                del resource["DependsOn"]

    return plant


def without_dependency(name: str) -> Edit:
    """Let a resource wait for nothing but what it refers to."""

    def plant(source: Source) -> None:
        del source["Resources"][name]["DependsOn"]

    return plant


def cors(name: str, value: list[str]) -> Edit:
    """Change a part of the API's CORS configuration."""

    def plant(source: Source) -> None:
        properties(source, "HttpApi")["CorsConfiguration"]["Fn::If"][1][name] = value

    return plant


def output(name: str, value: Any) -> Edit:
    """Change an output of the stack."""

    def plant(source: Source) -> None:
        source["Outputs"][name]["Value"] = value

    return plant


def without_retention(name: str) -> Edit:
    """Let a resource go with its stack."""

    def plant(source: Source) -> None:
        source["Resources"][name] |= {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}

    return plant

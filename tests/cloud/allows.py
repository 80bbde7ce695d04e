"""The Allow statements of a deployed stack, by the names that decisions give them."""

from collections.abc import Iterator
from typing import Any

from devstack.cloud.resources import Deployment
from devstack.template.stack import listed

Name = tuple[str, str]
"""A statement in a decision: the name of its policy, and its Sid."""
Allow = tuple[str, str]
"""The same in the template: the logical id of the resource that has the policy, and the Sid, empty without one."""


def allows(deployment: Deployment) -> dict[Name, Allow]:
    """Return every Allow of a stack."""
    return {
        (name, statement.get("Sid", "")): (logical_id, statement.get("Sid", ""))
        for logical_id, name, document in _documents(deployment)
        for statement in listed(document["Statement"])
        if statement["Effect"] == "Allow"
    }


def _documents(deployment: Deployment) -> Iterator[tuple[str, str, Any]]:
    """Yield logical id, name and document of each policy; trust policies are left out: no role works without one."""
    for resource in deployment.resources.values():
        properties = resource.properties
        for policy in properties.get("Policies", []):
            yield resource.logical_id, f"{resource.physical_id}/{policy['PolicyName']}", policy["PolicyDocument"]
        if resource.type == "AWS::IAM::ManagedPolicy":
            yield resource.logical_id, resource.physical_id, properties["PolicyDocument"]
        elif "PolicyDocument" in properties or "KeyPolicy" in properties:
            document = properties.get("KeyPolicy") or properties["PolicyDocument"]
            yield resource.logical_id, resource.logical_id, document
        elif resource.type == "AWS::Lambda::Permission":
            yield resource.logical_id, resource.logical_id, {"Statement": {"Effect": "Allow"}}

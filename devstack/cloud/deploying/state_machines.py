"""Step Functions: state machines, with the substitutions in their definitions."""

import json
import re
from typing import Any

from devstack.cloud.deploying.resource_type import Created, Declared, ResourceType, Site, names
from devstack.cloud.iam.authority import AccessDenied, UnknownEntity
from devstack.cloud.resources import Resource

MACHINE = "AWS::StepFunctions::StateMachine"
SERVICE = "states.amazonaws.com"
_VARIABLE = re.compile(r"\$\{(\w+)\}")


def definition_of(properties: Any) -> dict[str, Any]:
    """Return a definition with its substitutions.

    Raises:
        ValueError: it names a variable that has no substitution.
    """
    values = {name: str(value) for name, value in properties.get("DefinitionSubstitutions", {}).items()}
    text = json.dumps(properties["Definition"])
    if unknown := sorted({*_VARIABLE.findall(text)} - values.keys()):
        raise ValueError(f"DefinitionSubstitutions: {unknown[0]} is missing")
    definition: dict[str, Any] = json.loads(_VARIABLE.sub(lambda match: values[match[1]], text))
    return definition


def _create(site: Site, declared: Declared) -> Created:
    name = declared.properties.get("StateMachineName") or declared.name(maximum=80)
    _require_role(site, declared)
    definition = json.dumps(definition_of(declared.properties))
    answer = site.clients.call(
        "stepfunctions", "CreateStateMachine", name=name, definition=definition, roleArn=declared.properties["RoleArn"]
    )
    return Created(answer["stateMachineArn"], {"Arn": answer["stateMachineArn"], "Name": name})


def _require_role(site: Site, declared: Declared) -> None:
    """Refuse a role that Step Functions cannot assume, as CreateStateMachine does."""
    try:
        site.authority.assume(declared.properties["RoleArn"], "states", by=SERVICE)
    except (AccessDenied, UnknownEntity) as error:
        raise ValueError(f"RoleArn: {error}") from error


def _update(site: Site, resource: Resource, declared: Declared) -> Created:
    _require_role(site, declared)
    definition = json.dumps(definition_of(declared.properties))
    site.clients.call(
        "stepfunctions",
        "UpdateStateMachine",
        stateMachineArn=resource.physical_id,
        definition=definition,
        roleArn=declared.properties["RoleArn"],
    )
    return Created(resource.physical_id, resource.attributes)


def _delete(site: Site, resource: Resource) -> None:
    site.clients.call("stepfunctions", "DeleteStateMachine", stateMachineArn=resource.physical_id)


_CHANGES = names("Definition DefinitionSubstitutions RoleArn")

TYPES = (
    ResourceType(
        MACHINE,
        _CHANGES | names("StateMachineName"),
        _create,
        _delete,
        update=_update,
        changeable=_CHANGES,
        named_by="StateMachineName",
    ),
)

"""One pass of a stack towards a template: create, change and replace resources, then delete what is left over."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from devstack.cloud.deploying.in_use import refuse_use
from devstack.cloud.deploying.lookups import DeployedLookup
from devstack.cloud.deploying.packaging import packaged
from devstack.cloud.deploying.resource_type import Created, Declared, ResourceType, Site
from devstack.cloud.iam.authority import AccessDenied, UnknownEntity
from devstack.cloud.resources import Deployment, Resource
from devstack.processes.errors import StackError
from devstack.template.dependencies import creation_order, dependencies
from devstack.template.intrinsics import resolve_value
from devstack.template.stack import Stack

Types = Mapping[str, ResourceType]


class DeploymentFailed(StackError):
    """A resource was refused. The text names it, its type, and the reason."""


@contextmanager
def refusal(logical_id: str, resource_type: str, doing: str) -> Iterator[None]:
    """Turn a refused call into an error that names the resource.

    Raises:
        DeploymentFailed: a call was refused.
    """
    try:
        yield
    except KeyError as error:  # a handler reads a property that CloudFormation requires
        raise DeploymentFailed(f"{logical_id} ({resource_type}): {doing}: {error} is missing") from error
    except (ValueError, ClientError, BotoCoreError, AccessDenied, UnknownEntity) as error:
        raise DeploymentFailed(f"{logical_id} ({resource_type}): {doing}: {error}") from error


def refuse_unknown(types: Types, stack: Stack) -> None:
    """Refuse types and properties that are not modelled, before anything is created.

    Raises:
        DeploymentFailed: names the first one.
    """
    for name, resource in stack.resources.items():
        known = types.get(resource["Type"])
        if known is None:
            raise DeploymentFailed(f"{name}: the type {resource['Type']} is not modelled")
        if unknown := sorted(resource.get("Properties", {}).keys() - known.properties):
            modelled = ", ".join(sorted(known.properties))
            raise DeploymentFailed(
                f"{name} ({known.name}): the property {unknown[0]} is not modelled; modelled are {modelled}"
            )


def delete_resource(site: Site, types: Types, stack_name: str, resource: Resource) -> None:
    """Delete a resource.

    Raises:
        DeploymentFailed: AWS would refuse it, for example because it is in use.
    """
    with refusal(resource.logical_id, resource.type, "cannot be deleted"):
        refuse_use(site, resource)
        types[resource.type].delete(site, resource)
    del site.live[stack_name, resource.logical_id, resource.physical_id]


class Pass:
    """The resources of a deployment on their way to a template.

    Args:
        site: the account.
        deployment: is changed resource by resource.
        stack: the template.
        types: by name.

    Raises:
        DeploymentFailed: a type or a property is not modelled.
        ValueError: references are circular or lead nowhere.
    """

    def __init__(self, site: Site, deployment: Deployment, stack: Stack, types: Types) -> None:
        refuse_unknown(types, stack)
        self._site = site
        self._deployment = deployment
        self._stack = stack
        self._types = types
        self._resources = packaged(site, stack)
        self._order = creation_order(self._resources)
        self._needed = dependencies(self._resources)
        self._lookup = DeployedLookup(site, deployment)
        self._replaced: dict[str, Resource] = {}

    def create_and_change(self) -> None:
        """Create and change everything; nothing is deleted yet.

        Raises:
            DeploymentFailed: a resource was refused; those before it are as the template wants them.
        """
        for name in self._order:
            resource = self._resources[name]
            with refusal(name, resource["Type"], "refused"):
                declared = Declared(
                    name,
                    resource["Type"],
                    resolve_value(resource.get("Properties", {}), self._lookup),
                    self._deployment.stack_name,
                    resolve_value(resource.get("UpdatePolicy", {}), self._lookup),
                )
                self._settle(declared, self._deployment.resources.get(name))
        self._deployment.outputs.clear()
        for name, output in self._stack.outputs.items():
            self._deployment.outputs[name] = resolve_value(output["Value"], self._lookup)
        self._deployment.parameters = self._stack.values

    def clean_up(self, template: Mapping[str, Mapping[str, Any]], leftovers: Iterable[Resource] = ()) -> None:
        """Delete replaced resources and those that the template no longer has, last created first.

        Args:
            template: the resources as they were declared; says which are retained.
            leftovers: what else is to be deleted.

        Raises:
            DeploymentFailed: AWS would refuse a deletion.
        """
        for resource in leftovers:
            self._remove(resource, "Delete")
        for name, resource in reversed(list(self._deployment.resources.items())):
            if name in self._replaced:
                self._remove(self._replaced.pop(name), template[name].get("UpdateReplacePolicy"))
            if name not in self._resources:
                del self._deployment.resources[name]
                self._remove(resource, template[name].get("DeletionPolicy"))
        ordered = {name: self._deployment.resources[name] for name in self._order}
        self._deployment.resources.clear()
        self._deployment.resources.update(ordered)

    def take_back(self) -> list[Resource]:
        """Put the replaced resources back and return their replacements, last created first: a rollback begins."""
        replacements = [self._deployment.resources[name] for name in reversed(self._replaced)]
        self._deployment.resources.update(self._replaced)
        return replacements

    def _remove(self, resource: Resource, policy: str | None) -> None:
        if policy != "Retain":
            delete_resource(self._site, self._types, self._deployment.stack_name, resource)

    def _settle(self, declared: Declared, current: Resource | None) -> None:
        kind = self._types[declared.type]
        if current is None:
            self._enter(declared, kind.create(self._site, declared))
            return
        if current.type != declared.type:
            raise ValueError(f"the type of an existing resource, {current.type}, cannot change; rename it")
        before, after = current.properties, declared.properties
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        if not changed and kind.name != NESTED:
            self._record(replace(current, depends_on=self._depends_on(current.logical_id)))
            return
        if changed <= kind.changeable:
            if dropped := sorted(before.keys() - after.keys() - kind.droppable):
                raise ValueError(f"{dropped[0]} is no longer set; what AWS makes of that is not modelled")
            created = Created(current.physical_id, current.attributes)
            self._enter(declared, kind.update(self._site, current, declared) if kind.update else created)
            return
        if kind.named_by and after.get(kind.named_by) and after[kind.named_by] == before.get(kind.named_by):
            raise ValueError(
                f"a change of {', '.join(sorted(changed - kind.changeable))} replaces the resource, but"
                f" {kind.named_by} {after[kind.named_by]} is taken: give it another name"
            )
        created = kind.create(self._site, declared)
        self._replaced[declared.logical_id] = current
        self._enter(declared, created)

    def _enter(self, declared: Declared, created: Created) -> None:
        resource = Resource(
            declared.logical_id,
            declared.type,
            declared.properties,
            created.physical_id,
            created.attributes,
            self._depends_on(declared.logical_id),
        )
        self._record(resource)
        if configure := self._types[declared.type].configure:
            configure(self._site, resource)

    def _record(self, resource: Resource) -> None:
        self._deployment.resources[resource.logical_id] = resource
        self._site.live[self._deployment.stack_name, resource.logical_id, resource.physical_id] = resource

    def _depends_on(self, name: str) -> tuple[str, ...]:
        return tuple(sorted(self._needed[name]))


NESTED = "AWS::CloudFormation::Stack"
"""Always updated: its template may have changed although its properties have not."""

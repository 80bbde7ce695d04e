"""What the deployer knows about one type of resource, and what its handlers get."""

import secrets
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from devstack.cloud.account import Account
from devstack.cloud.deploying.clients import Clients
from devstack.cloud.iam.authority import Authority
from devstack.cloud.resources import Deployment, Resource
from devstack.template.stack import Stack

_MIXED = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Declared:
    """A resource as the template declares it, with concrete properties."""

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    stack_name: str
    update_policy: Mapping[str, Any] = field(default_factory=dict)

    def only(self, *wanted: str) -> dict[str, Any]:
        """Return those of the named properties that the template sets."""
        return only(self.properties, *wanted)

    def without(self, *names: str) -> dict[str, Any]:
        """Return all properties but the named ones."""
        return {name: value for name, value in self.properties.items() if name not in names}

    def name(self, *, length: int = 12, maximum: int = 64, lower: bool = False) -> str:
        """Return a name as CloudFormation makes it for a resource without one: stack, logical id, random characters."""
        suffix = random_text(length, _MIXED)
        name = f"{f'{self.stack_name}-{self.logical_id}'[: maximum - length - 1]}-{suffix}"
        return name.lower() if lower else name


@dataclass(frozen=True)
class Created:
    """The results of ``Ref`` and ``Fn::GetAtt``."""

    physical_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Shift:
    """A deployment that CodeDeploy has to do before an update goes on.

    Attributes:
        alias: as it still is.
        before: the version that it serves.
        after: the version that it will serve.
        application: the name of CodeDeploy's application; likewise its deployment group.
        hook: the name of the function that must agree before traffic moves; empty for none.
    """

    alias: Resource
    before: str
    after: str
    application: str
    group: str
    hook: str


def _no_shift(shift: Shift) -> None:
    raise ValueError(f"CodeDeploy has to move {shift.alias.physical_id} to version {shift.after}: give `shift`")


@dataclass
class Site:
    """An account at moto, with what was deployed there.

    Attributes:
        code: the archive of a function, by its logical id; others get a placeholder.
        stacks: the deployments, by stack name; nested stacks have names of their own.
        templates: what each was made from.
        live: every resource that exists, retained ones too, by stack name, logical id and physical id.
        shift: does CodeDeploy's part of an update. Raises an error to stop the update, which then rolls back.
    """

    account: Account
    clients: Clients
    authority: Authority
    code: Mapping[str, bytes] = field(default_factory=dict)
    stacks: dict[str, Deployment] = field(default_factory=dict)
    templates: dict[str, Stack] = field(default_factory=dict)
    live: dict[tuple[str, str, str], Resource] = field(default_factory=dict)
    shift: Callable[[Shift], None] = _no_shift

    def of_type(self, *types: str) -> Iterator[Resource]:
        """Yield every existing resource of some types, in any stack."""
        return (resource for resource in self.live.values() if resource.type in types)

    def find(self, resource_type: str, physical_id: str) -> Resource | None:
        """Return the existing resource of a type with a name, or None."""
        found = (resource for resource in self.of_type(resource_type) if resource.physical_id == physical_id)
        return next(found, None)

    def refuse_duplicate(self, declared: Declared, physical_id: str) -> None:
        """Refuse a second resource of one name, as an emulated service does.

        Raises:
            ValueError: it exists.
        """
        if self.find(declared.type, physical_id):
            raise ValueError(f"{physical_id} already exists")


Create = Callable[[Site, Declared], Created]
Update = Callable[[Site, Resource, Declared], Created]
Handle = Callable[[Site, Resource], None]


@dataclass(frozen=True)
class ResourceType:
    """How resources of one type are made, changed and deleted.

    Attributes:
        name: such as ``AWS::S3::Bucket``.
        properties: the modelled ones; any other is refused by name.
        create: makes the resource by one call.
        delete: deletes it, also when `configure` has failed.
        configure: makes the calls that follow a creation or an update.
        update: makes the calls of a change that `configure` does not make.
        changeable: those that change in place. Any other change replaces the resource, as AWS documents it.
        named_by: the property with its name, which a replacement must not keep.
        droppable: those that the update also handles when a template does not set them any more.
    """

    name: str
    properties: frozenset[str]
    create: Create
    delete: Handle
    update: Update | None = None
    configure: Handle | None = None
    changeable: frozenset[str] = frozenset()
    named_by: str | None = None
    droppable: frozenset[str] = frozenset()


def names(text: str) -> frozenset[str]:
    """Return the words of a text: property names are easier to compare with AWS's documents without quotes."""
    return frozenset(text.split())


def only(properties: Mapping[str, Any], *wanted: str) -> dict[str, Any]:
    """Return those of the named properties that are set."""
    return {name: properties[name] for name in wanted if name in properties}


def random_text(length: int, alphabet: str = string.ascii_lowercase + string.digits) -> str:
    """Return random characters for a physical id."""
    return "".join(secrets.choice(alphabet) for _ in range(length))


def kept(_site: Site, _resource: Resource) -> None:
    """Delete nothing: the resource ends with the one that it belongs to, or is only a setting of it."""

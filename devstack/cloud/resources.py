"""What was created of a template: its resources with concrete properties, names and attributes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from devstack.cloud.account import Account


@dataclass(frozen=True)
class Resource:
    """One created resource.

    Attributes:
        logical_id: its name in the template.
        type: such as ``AWS::S3::Bucket``.
        properties: without intrinsic functions: references are replaced by names, ARNs and endpoints.
        physical_id: the result of ``Ref``.
        attributes: the results of ``Fn::GetAtt``, such as ``Arn`` or ``Endpoint.Address``.
        depends_on: logical ids that had to exist before, by reference or ``DependsOn``.
    """

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    physical_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()


@dataclass
class Deployment:
    """The resources of one stack, in the order of their creation; later changes replace entries.

    Attributes:
        nested: the deployments of nested stacks, by logical id.
    """

    stack_name: str
    account: Account
    parameters: Mapping[str, str]
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    nested: dict[str, "Deployment"] = field(default_factory=dict)

    def of_type(self, resource_type: str) -> Iterator[Resource]:
        """Yield every resource of a type."""
        return (resource for resource in self.resources.values() if resource.type == resource_type)

    def only(self, resource_type: str) -> Resource:
        """Return the only resource of a type."""
        (resource,) = self.of_type(resource_type)
        return resource

"""template.yaml as CloudFormation sees it: the SAM transform applied, without AWS."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).parents[2] / "template.yaml"

Properties = dict[str, Any]


@dataclass(frozen=True)
class Stack:
    """The resources of the transformed template, by logical id."""

    resources: dict[str, dict[str, Any]]
    parameters: dict[str, dict[str, Any]]
    outputs: dict[str, dict[str, Any]]

    def of_type(self, resource_type: str) -> dict[str, Properties]:
        """Properties of every resource of one type, by logical id."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == resource_type
        }

    def only(self, resource_type: str) -> Properties:
        """Properties of the one resource of that type."""
        (properties,) = self.of_type(resource_type).values()
        return properties


class _NoManagedPolicies:
    """Stands for IAM's list of managed policies; the template names none, so none is looked up."""

    def load(self) -> dict[str, str]:
        return {}


def transformed_stack(edit: Callable[[dict[str, Any]], None] = lambda source: None) -> Stack:
    """Transform template.yaml after `edit`; needs a region in the environment, and no network."""
    source = yaml_parse(TEMPLATE.read_text())
    # What `sam package` would write here; the transform refuses a local path.
    source["Resources"]["RecommendFunction"]["Properties"]["CodeUri"] = "s3://bucket/function.zip"
    edit(source)
    result = transform(source, {}, _NoManagedPolicies())
    return Stack(result["Resources"], result["Parameters"], result["Outputs"])


def listed(value: Any) -> list[Any]:
    """IAM lets one value stand for a list of one."""
    return value if isinstance(value, list) else [value]

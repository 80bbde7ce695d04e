"""template.yaml as CloudFormation sees it: after the SAM transform, with conditions evaluated, without AWS."""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.utils.py27hash_fix import to_py27_compatible_template, undo_mark_unicode_str_in_template
from samtranslator.yaml_helper import yaml_parse

from devstack.template.resolver import Resolver

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "template.yaml"
CODE = "s3://bucket/function.zip"
"""Stands for a local path, which the transform refuses and `sam package` replaces."""

REGION = "eu-central-1"
"""The transform derives the partition from a region; the result does not name the region."""
READ_BY_SAM = {"DeploymentType"}
"""Parameters whose values the transform reads; all others are left to CloudFormation."""

Properties = dict[str, Any]
Edit = Callable[[dict[str, Any]], object]
Values = Mapping[str, str | int | float]


@dataclass(frozen=True)
class Stack:
    """The resources and outputs under one combination of parameters, by logical id."""

    resources: dict[str, dict[str, Any]]
    outputs: dict[str, dict[str, Any]]
    values: dict[str, str]
    sources: dict[str, str]
    """The folder that each function is built from."""

    def of_type(self, resource_type: str) -> dict[str, Properties]:
        """Return the properties of every resource of a type, by logical id."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == resource_type
        }

    def only(self, resource_type: str) -> Properties:
        """Return the properties of the only resource of a type."""
        (properties,) = self.of_type(resource_type).values()
        return properties

    @property
    def recommend(self) -> tuple[str, Properties]:
        """Logical id and properties of the recommend function, on demand or on managed instances."""
        ((name, properties),) = [
            (name, properties)
            for name, properties in self.of_type("AWS::Lambda::Function").items()
            if name.endswith("RecommendFunction")
        ]
        return name, properties

    def role(self, function: str) -> Properties:
        """Return the properties of a function's role."""
        name = self.resources[function]["Properties"]["Role"]["Fn::GetAtt"][0]
        properties: Properties = self.resources[name]["Properties"]
        return properties


def source() -> dict[str, Any]:
    """Return the template as written."""
    parsed: dict[str, Any] = yaml_parse(TEMPLATE.read_text())
    return parsed


def transformed(edit: Edit | None = None, values: Values | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    """Apply the SAM transform after `edit`; needs no network.

    Returns:
        The template, and the folder that each function is built from.
    """
    if edit is None and not values:
        template, sources = _as_written()
        return copy.deepcopy(template), sources
    return _transformed(edit, values)


@cache
def _as_written() -> tuple[dict[str, Any], dict[str, str]]:
    return _transformed(None, None)


def _transformed(edit: Edit | None, values: Values | None) -> tuple[dict[str, Any], dict[str, str]]:
    written = source()
    if edit is not None:
        edit(written)
    shared = written.get("Globals", {}).get("Function", {})
    sources = {}
    for name, resource in written["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            sources[name] = resource["Properties"].get("CodeUri", shared.get("CodeUri"))
            resource["Properties"]["CodeUri"] = CODE
    return json.loads(
        json.dumps(_transform(written, {name: str(value) for name, value in (values or {}).items()}))
    ), sources


def _transform(written: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    """Do what `samtranslator.translator.transform` does, which takes its region from the environment."""
    to_py27_compatible_template(written, values)
    translator = Translator(None, Parser(), boto_session=boto3.Session(region_name=REGION))
    # no policy of AWS is named in a way that SAM would have to look up
    result: dict[str, Any] = undo_mark_unicode_str_in_template(
        translator.translate(written, parameter_values=values, get_managed_policy_map=dict)
    )
    translator.metrics.publish()  # to nowhere; it complains of unpublished metrics otherwise
    return result


def deployed(values: Values | None = None, edit: Edit | None = None) -> Stack:
    """Return the stack under parameter values, after `edit` of the source.

    Raises:
        ValueError: a parameter may not have its value, or a rule of the template refuses them together.
    """
    seen_by_sam = {name: value for name, value in (values or {}).items() if name in READ_BY_SAM}
    template, sources = transformed(edit, seen_by_sam)
    resolver = Resolver(template, values or {})
    if broken := resolver.broken_rules():
        raise ValueError("; ".join(broken))
    return Stack(resolver.section("Resources"), resolver.section("Outputs"), resolver.values, sources)


def listed(value: Any) -> list[Any]:
    """Return a list; IAM allows a single value in its place."""
    return value if isinstance(value, list) else [value]

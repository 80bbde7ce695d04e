"""A stack with concrete values in place of references, and with the resources of its nested stack.

Generated names and ARNs have the length of those that AWS gives; nothing else about them is exact.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from devstack.cloud.account import Account
from devstack.template.intrinsics import resolve_value
from devstack.template.resolver import Resolver
from devstack.template.stack import ROOT, Properties, Stack

ACCOUNT = Account()
STACK_NAME = "shop"
NAMES = {
    "AWS::ApiGatewayV2::DomainName": "DomainName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::CompositeAlarm": "AlarmName",
    "AWS::ElastiCache::ReplicationGroup": "ReplicationGroupId",
    "AWS::ElastiCache::ServerlessCache": "ServerlessCacheName",
    "AWS::ElastiCache::User": "UserId",
    "AWS::ElastiCache::UserGroup": "UserGroupId",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
}
"""The property that is the physical id, by type; other resources get a generated name."""
NAMED_BY_ARN = {
    "AWS::IAM::ManagedPolicy",
    "AWS::Lambda::Alias",
    "AWS::Lambda::Version",
    "AWS::SecretsManager::Secret",
    "AWS::SNS::Topic",
}
"""Types whose ``Ref`` is an ARN."""
GENERATED = "1A2B3C4D5E6F"
"""Stands for the letters that CloudFormation appends to a name."""

Resources = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Cloud:
    """Resources with concrete properties by logical id; those of a nested stack as ``Monitoring/PageTopic``."""

    resources: dict[str, dict[str, Any]]
    ids: dict[str, str]
    """Logical ids by physical id."""

    def of_type(self, *types: str) -> Iterator[tuple[str, Properties]]:
        """Yield logical ids and properties of the resources of some types."""
        for name, resource in self.resources.items():
            if resource["Type"] in types:
                yield name, resource.get("Properties", {})

    def named(self, physical_id: str) -> Properties:
        """Return the properties of the resource with a physical id; none if it is not in the stack."""
        properties: Properties = self.resources.get(self.ids.get(physical_id, ""), {}).get("Properties", {})
        return properties


class _Names:
    """Answers references as a deployment would."""

    def __init__(self, stack_name: str, resources: Resources) -> None:
        self.stack_name = stack_name
        self._resources = resources
        self._pseudo = {
            "AWS::StackName": stack_name,
            "AWS::Region": ACCOUNT.region,
            "AWS::AccountId": ACCOUNT.id,
            "AWS::Partition": ACCOUNT.partition,
            "AWS::URLSuffix": "amazonaws.com",
        }

    def ref(self, name: str) -> str:
        if name in self._pseudo:
            return self._pseudo[name]
        resource = self._resources[name]
        return self._arn(name) if resource["Type"] in NAMED_BY_ARN else self._physical_id(name)

    def attribute(self, name: str, attribute: str) -> str:
        properties = self._resources[name].get("Properties", {})
        if attribute.startswith("Outputs."):
            nested = _Nested.of(self, name, properties)
            body = nested.outputs[attribute.removeprefix("Outputs.")]
            return str(resolve_value(body["Value"], nested.names))
        if attribute in properties:
            return str(resolve_value(properties[attribute], self))
        if attribute in {"Arn", "ARN"}:
            return self._arn(name)
        if attribute in {"GroupId", "TopicName"}:
            return self._physical_id(name)
        return "7" if attribute == "Version" else f"{name}.{attribute}.example".lower()

    def zones(self, region: str) -> list[str]:
        return [f"{region}{letter}" for letter in "abc"]

    def _physical_id(self, name: str) -> str:
        resource = self._resources[name]
        given = resource.get("Properties", {}).get(NAMES.get(resource["Type"], ""))
        return str(resolve_value(given, self)) if given else f"{self.stack_name}-{name}-{GENERATED}"

    def _arn(self, name: str) -> str:
        _, service, kind = self._resources[name]["Type"].lower().split("::")
        if service == "iam":
            return ACCOUNT.iam_arn(f"{kind.removeprefix('managed')}/{self._physical_id(name)}")
        if service == "s3":
            return f"arn:{ACCOUNT.partition}:s3:::{self._physical_id(name)}"
        return ACCOUNT.arn(service, f"{kind}:{self._physical_id(name)}")


@dataclass(frozen=True)
class _Nested:
    resources: Resources
    outputs: Resources
    names: _Names

    @classmethod
    def of(cls, parent: _Names, name: str, properties: Properties) -> "_Nested":
        resolver = Resolver(_parsed(properties["TemplateURL"]), resolve_value(properties["Parameters"], parent))
        resources = resolver.section("Resources")
        names = _Names(f"{parent.stack_name}-{name}-{GENERATED}", resources)
        return cls(resources, resolver.section("Outputs"), names)


def concrete(stack: Stack, stack_name: str = STACK_NAME) -> Cloud:
    """Return a stack's resources as AWS would see them under a stack name."""
    names = _Names(stack_name, stack.resources)
    stacks: list[tuple[str, Resources, _Names]] = [("", stack.resources, names)]
    for name, properties in stack.of_type("AWS::CloudFormation::Stack").items():
        nested = _Nested.of(names, name, properties)
        stacks.append((f"{name}/", nested.resources, nested.names))
    resources, ids = {}, {}
    for prefix, section, section_names in stacks:
        for name, resource in section.items():
            ids[section_names.ref(name)] = prefix + name
            resources[prefix + name] = {
                key: resolve_value(value, section_names) for key, value in resource.items() if key != "UpdatePolicy"
            }
    return Cloud(resources, ids)


@cache
def _parsed(template: str) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml_parse((ROOT / template).read_text())
    return parsed

"""Checks of how functions run, start and are released, and of references."""

import ast
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from devstack.template.resolver import references
from devstack.template.stack import ROOT, Stack

BUILT = ".aws-sam/build/"
EXECUTED_VERSION = {"Name": "ExecutedVersion", "Value": {"Fn::Sub": "${ExecutedVersion}"}}


def cold_start_conflicts(stack: Stack) -> list[str]:
    """Find combinations of cold-start strategies that AWS refuses, most of them in the middle of a deployment."""
    name, function = stack.recommend
    alias = stack.of_type("AWS::Lambda::Alias")[f"{name}Aliaslive"]
    cures = {
        "provisioned concurrency": "ProvisionedConcurrencyConfig" in alias
        or bool(stack.of_type("AWS::ApplicationAutoScaling::ScalableTarget")),
        "SnapStart": function.get("SnapStart", {}).get("ApplyOn", "None") != "None",
        "managed instances": "CapacityProviderConfig" in function,
    }
    used = [cure for cure, is_used in cures.items() if is_used]
    faults = [f"{name} has {' and '.join(used)}"] if len(used) > 1 else []
    if "CapacityProviderConfig" in function:
        excluded = function.keys() & {"VpcConfig", "ReservedConcurrentExecutions", "SnapStart"}
        faults += [f"{name} on managed instances has {key}" for key in sorted(excluded)]
        if function["LoggingConfig"]["LogFormat"] != "JSON":
            faults.append(f"{name} on managed instances logs text")
    return faults


def missing_handlers(stack: Stack) -> list[str]:
    """Find functions whose handler module or function does not exist in the folder that they are built from."""
    faults = []
    for name, function in stack.of_type("AWS::Lambda::Function").items():
        module, _, attribute = function["Handler"].rpartition(".")
        source = stack.sources[name]
        source = stack.sources.get(source.removeprefix(BUILT), source)  # what another function's build made
        path = ROOT / source / Path(*module.split(".")).with_suffix(".py")
        if not path.is_file():
            faults.append(f"{name}: there is no {path.relative_to(ROOT)}")
        elif attribute not in _functions(path):
            faults.append(f"{name}: {path.relative_to(ROOT)} has no function {attribute}")
    return faults


def _functions(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def releases_without_checks(stack: Stack) -> list[str]:
    """Find aliases that move to a new version without a pre-traffic check or without an alarm that rolls them back."""
    faults = []
    for name, alias in stack.of_type("AWS::Lambda::Alias").items():
        update = stack.resources[name].get("UpdatePolicy", {}).get("CodeDeployLambdaAliasUpdate", {})
        if update.get("BeforeAllowTrafficHook") != {"Ref": "PreTrafficFunction"}:
            faults.append(f"{name} moves without a check before")
        group = stack.resources.get(update.get("DeploymentGroupName", {}).get("Ref"), {}).get("Properties", {})
        watched = [alarm["Name"]["Fn::GetAtt"] for alarm in group.get("AlarmConfiguration", {}).get("Alarms", [])]
        if not watched or any(attribute[0] != "Monitoring" for attribute in watched):
            faults.append(f"{name} moves without alarms")
        if "DEPLOYMENT_STOP_ON_ALARM" not in group.get("AutoRollbackConfiguration", {}).get("Events", []):
            faults.append(f"{name} is not taken back by an alarm")
        if alias["Name"] != "live":
            faults.append(f"{name} is named {alias['Name']}")
    return faults


def versions_without_alarms(stack: Stack) -> list[str]:
    """Find aliases without an alarm on the new version alone, whose canary the old version's requests would hide."""
    monitoring = stack.only("AWS::CloudFormation::Stack")
    nested = _parsed(monitoring["TemplateURL"])
    watching = {
        f"Outputs.{output}"
        for output, body in nested["Outputs"].items()
        if EXECUTED_VERSION in _dimensions(nested["Resources"][body["Value"]["Ref"]].get("Properties", {}))
    }
    faults = []
    for name, alias in stack.of_type("AWS::Lambda::Alias").items():
        if monitoring["Parameters"].get("ExecutedVersion") != alias["FunctionVersion"]:
            faults.append(f"{name} moves to another version than the alarms look at")
    for name, group in stack.of_type("AWS::CodeDeploy::DeploymentGroup").items():
        alarms = {alarm["Name"]["Fn::GetAtt"][1] for alarm in group.get("AlarmConfiguration", {}).get("Alarms", [])}
        if not watching or not watching <= alarms:
            faults.append(f"{name} has no alarm on {sorted(watching - alarms) or 'a version'}")
    return faults


@cache
def _parsed(template: str) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml_parse((ROOT / template).read_text())
    return parsed


def _dimensions(alarm: dict[str, Any]) -> list[Any]:
    """Return the dimensions of all metrics of an alarm."""
    metrics = [alarm, *(query.get("MetricStat", {}).get("Metric", {}) for query in alarm.get("Metrics", []))]
    return [dimension for metric in metrics for dimension in metric.get("Dimensions", [])]


def dangling_references(stack: Stack) -> list[str]:
    """Find references to resources that are not deployed."""
    there = {*stack.resources, "AWS::StackName", "AWS::Region", "AWS::AccountId", "AWS::Partition", "AWS::URLSuffix"}
    entries: list[tuple[str, Any]] = list(chain(stack.resources.items(), stack.outputs.items()))
    faults = [f"{name} refers to {target}" for name, body in entries for target in sorted({*references(body)} - there)]
    for name, resource in stack.resources.items():
        needed = resource.get("DependsOn", [])
        needed = needed if isinstance(needed, list) else [needed]
        faults += [f"{name} waits for {dependency}" for dependency in needed if dependency not in stack.resources]
    return faults


def open_routes(stack: Stack) -> list[str]:
    """Find routes without authorization; a browser's preflight request (OPTIONS) needs none."""
    return [
        f"{name} asks for no credentials"
        for name, route in stack.of_type("AWS::ApiGatewayV2::Route").items()
        if route.get("AuthorizationType", "NONE") not in {"AWS_IAM", "JWT"}
        and not route["RouteKey"].startswith("OPTIONS ")
    ]

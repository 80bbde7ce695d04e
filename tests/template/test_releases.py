"""A new version is published, checked, deployed and rolled back."""

from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from devstack.build.release import release_of, with_release
from devstack.template.resolver import references
from devstack.template.stack import ROOT, Stack, Values, deployed

NESTED = yaml_parse((ROOT / "observability" / "observability.yaml").read_text())
VERSION = "AWS::Lambda::Version"


def group(values: Values) -> dict[str, Any]:
    return deployed(values).only("AWS::CodeDeploy::DeploymentGroup")


@pytest.mark.parametrize("chosen", ["Canary10Percent5Minutes", "Linear10PercentEvery1Minute", "AllAtOnce"])
@pytest.mark.slow
def test_the_parameter_chooses_the_deployment_type(chosen: str) -> None:
    deployment_group = group({"DeploymentType": chosen})
    assert deployment_group["DeploymentConfigName"] == f"CodeDeployDefault.Lambda{chosen}"
    assert deployment_group["ServiceRoleArn"] == {"Fn::GetAtt": ["DeploymentRole", "Arn"]}


def test_the_default_is_a_canary(stack: Stack) -> None:
    assert stack.values["DeploymentType"].startswith("Canary")


def test_every_rollback_alarm_is_an_output_of_the_nested_stack() -> None:
    alarms = [alarm["Name"]["Fn::GetAtt"] for alarm in group({})["AlarmConfiguration"]["Alarms"]]
    outputs = {name: body["Value"] for name, body in NESTED["Outputs"].items() if name.startswith("Rollback")}

    assert {attribute for _, attribute in alarms} == {f"Outputs.{name}" for name in outputs}
    for value in outputs.values():
        assert "Alarm" in NESTED["Resources"][value["Ref"]]["Type"]


def test_the_nested_stack_gets_every_parameter(stack: Stack) -> None:
    nested = stack.only("AWS::CloudFormation::Stack")
    assert set(nested["Parameters"]) == set(NESTED["Parameters"])
    assert (ROOT / nested["TemplateURL"]).is_file()


def test_parameters_of_the_same_name_are_passed_on() -> None:
    given = {"PageEmail": "page@example.com", "TicketEmail": "ticket@example.com", "HitRateFloor": "0.07"}
    stack = deployed({**given, "RunbookBase": "https://wiki.example.com", "MemorySize": 3008, "StoreKind": "nodes"})
    passed = stack.only("AWS::CloudFormation::Stack")["Parameters"]
    shared = passed.keys() & stack.values.keys()

    assert shared >= given.keys()
    assert {name: passed[name] for name in shared} == {name: stack.values[name] for name in shared}


@pytest.mark.parametrize("values", [{}, {"ColdStartStrategy": "managed-instances"}, {"StoreKind": "nodes"}], ids=str)
def test_the_nested_stack_watches_what_is_deployed(values: Values) -> None:
    stack = deployed(values)
    parameters = stack.only("AWS::CloudFormation::Stack")["Parameters"]
    _, function = stack.recommend

    assert parameters["FunctionName"] == function["FunctionName"]
    assert parameters["MemorySize"] == function["MemorySize"]
    alias = stack.only("AWS::Lambda::Alias")
    assert parameters["AliasName"] == alias["Name"]
    assert parameters["ExecutedVersion"] == alias["FunctionVersion"]
    assert parameters["ApiId"] == {"Ref": "HttpApi"}
    assert parameters["LogGroupName"] == function["LoggingConfig"]["LogGroup"]
    assert stack.resources[parameters["StoreName"]["Ref"]]["Type"] in {
        "AWS::ElastiCache::ServerlessCache",
        "AWS::ElastiCache::ReplicationGroup",
    }
    assert parameters["StoreKind"] == stack.values["StoreKind"]


@pytest.mark.parametrize("values", [{}, {"ColdStartStrategy": "managed-instances"}], ids=str)
def test_the_check_before_traffic_invokes_the_new_version(values: Values) -> None:
    stack = deployed(values)
    (version,) = stack.of_type(VERSION)
    hook = stack.resources["PreTrafficFunction"]["Properties"]

    assert hook["Environment"]["Variables"] == {"NEW_VERSION_ARN": {"Ref": version}}


@pytest.mark.parametrize("values", [{}, {"ColdStartStrategy": "managed-instances"}], ids=str)
def test_a_release_changes_no_permission_of_the_check(values: Values) -> None:
    stack = deployed(values)
    role = stack.role("PreTrafficFunction")
    (invoke,) = [
        statement
        for statement in role["Policies"][0]["PolicyDocument"]["Statement"]
        if statement["Action"] == "lambda:InvokeFunction"
    ]

    function, _ = stack.recommend
    assert invoke["Resource"] == {"Fn::Sub": ["${Function}:*", {"Function": {"Fn::GetAtt": [function, "Arn"]}}]}
    assert not {*references(role)} & stack.of_type(VERSION).keys()


def test_a_changed_property_is_published() -> None:
    def patient(source: dict[str, Any]) -> None:
        source["Globals"]["Function"]["Timeout"] += 1

    assert set(deployed(edit=patient).of_type(VERSION)) != set(deployed().of_type(VERSION))


def test_a_changed_parameter_alone_is_not_published_by_sam() -> None:
    assert set(deployed({"MemorySize": 3008}).of_type(VERSION)) == set(deployed().of_type(VERSION))


@pytest.mark.slow
def test_a_release_names_the_versions_of_both_forms_of_the_function() -> None:
    built = "  RecommendFunction:\n    Properties:\n      CodeUri: RecommendFunction\n"
    released = with_release(built, "RecommendFunction", "0123abcdef")

    named = yaml_parse(released)["RecommendFunction"]["Properties"]["AutoPublishCodeSha256"]

    def publish(source: dict[str, Any]) -> None:
        for name in ("RecommendFunction", "ManagedRecommendFunction"):
            source["Resources"][name]["Properties"]["AutoPublishCodeSha256"] = named

    for strategy, form in (("none", "RecommendFunction"), ("managed-instances", "ManagedRecommendFunction")):
        stack = deployed({"ColdStartStrategy": strategy}, publish)
        assert list(stack.of_type(VERSION)) == [f"{form}Version0123abcdef"]


def test_a_template_without_the_function_has_no_release() -> None:
    with pytest.raises(ValueError, match="no function made from"):
        with_release("      CodeUri: AnotherFunction\n", "RecommendFunction", "0123abcdef")


def test_code_parameters_and_note_change_the_release(tmp_path: Path) -> None:
    code, parameters = tmp_path / "artifact" / "recommend.py", tmp_path / "samconfig.toml"
    code.parent.mkdir()
    code.write_text("1")
    parameters.write_text("MemorySize=1769")
    releases = [release_of(code.parent, [parameters])]
    assert release_of(code.parent, [parameters]) == releases[0]

    code.write_text("2")
    releases.append(release_of(code.parent, [parameters]))
    parameters.write_text("MemorySize=3008")
    releases.append(release_of(code.parent, [parameters]))
    releases.append(release_of(code.parent, [parameters], "again"))
    assert len(set(releases)) == len(releases)


@pytest.mark.parametrize("values", [{}, {"ColdStartStrategy": "managed-instances"}], ids=str)
def test_the_api_may_invoke_the_alias_that_it_points_at(values: Values) -> None:
    stack = deployed(values)
    integration, permission = stack.resources["HttpApiToFunction"], stack.resources["HttpApiMayInvoke"]

    assert integration["Properties"]["IntegrationUri"] == permission["Properties"]["FunctionName"]

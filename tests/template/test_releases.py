"""How a new version is published, checked and moved to, and what takes it back."""

from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from devstack.build.release import release_of, with_release
from tests.template.stack import ROOT, Stack, Values, deployed

NESTED = yaml_parse((ROOT / "observability" / "observability.yaml").read_text())
VERSION = "AWS::Lambda::Version"


def group(values: Values) -> dict[str, Any]:
    return deployed(values).only("AWS::CodeDeploy::DeploymentGroup")


@pytest.mark.parametrize("chosen", ["Canary10Percent5Minutes", "Linear10PercentEvery1Minute", "AllAtOnce"])
def test_traffic_moves_as_the_parameter_says(chosen: str) -> None:
    # GIVEN a type of deployment WHEN the deployment group is read THEN it is CodeDeploy's of that name
    found = group({"DeploymentType": chosen})
    assert found["DeploymentConfigName"] == f"CodeDeployDefault.Lambda{chosen}"
    assert found["ServiceRoleArn"] == {"Fn::GetAtt": ["DeploymentRole", "Arn"]}


def test_the_default_is_a_canary(stack: Stack) -> None:
    assert stack.values["DeploymentType"].startswith("Canary")


def test_every_alarm_that_takes_a_release_back_is_one_that_the_nested_stack_has() -> None:
    # GIVEN the alarms of the deployment group, and the outputs of observability.yaml
    alarms = [one["Name"]["Fn::GetAtt"] for one in group({})["AlarmConfiguration"]["Alarms"]]
    outputs = {name: body["Value"] for name, body in NESTED["Outputs"].items() if name.startswith("Rollback")}

    # WHEN compared THEN each output for this end is used, and names an alarm
    assert {attribute for _, attribute in alarms} == {f"Outputs.{name}" for name in outputs}
    for value in outputs.values():
        assert "Alarm" in NESTED["Resources"][value["Ref"]]["Type"]


def test_the_nested_stack_is_given_every_parameter_that_it_has(stack: Stack) -> None:
    # GIVEN what observability.yaml asks for WHEN compared with what it is given THEN nothing is missing or unknown
    given = stack.only("AWS::CloudFormation::Stack")
    assert set(given["Parameters"]) == set(NESTED["Parameters"])
    assert (ROOT / given["TemplateURL"]).is_file()


@pytest.mark.parametrize("values", [{}, {"ColdStartStrategy": "managed-instances"}, {"StoreKind": "nodes"}], ids=str)
def test_the_nested_stack_watches_what_is_deployed(values: Values) -> None:
    # GIVEN a stack, WHEN what it tells the nested one is read
    stack = deployed(values)
    told = stack.only("AWS::CloudFormation::Stack")["Parameters"]
    _, function = stack.recommend

    # THEN it is this function, alias, API and store
    assert told["FunctionName"] == function["FunctionName"]
    assert told["MemorySize"] == function["MemorySize"]
    alias = stack.only("AWS::Lambda::Alias")
    assert told["AliasName"] == alias["Name"]
    assert told["ExecutedVersion"] == alias["FunctionVersion"]
    assert told["ApiId"] == {"Ref": "HttpApi"}
    assert stack.resources[told["StoreName"]["Ref"]]["Type"] in {
        "AWS::ElastiCache::ServerlessCache",
        "AWS::ElastiCache::ReplicationGroup",
    }
    assert told["StoreKind"] == stack.values["StoreKind"]


@pytest.mark.parametrize("values", [{}, {"ColdStartStrategy": "managed-instances"}], ids=str)
def test_the_check_before_traffic_invokes_the_new_version_and_nothing_else(values: Values) -> None:
    # GIVEN the version that the alias is to serve
    stack = deployed(values)
    (version,) = stack.of_type(VERSION)

    # WHEN the hook's environment and role are read
    hook = stack.resources["PreTrafficFunction"]["Properties"]
    (invoke,) = [
        one
        for one in stack.role("PreTrafficFunction")["Policies"][0]["PolicyDocument"]["Statement"]
        if one["Action"] == "lambda:InvokeFunction"
    ]

    # THEN both name it, and the hook outwaits the function
    assert hook["Environment"]["Variables"] == {"NEW_VERSION_ARN": {"Ref": version}}
    assert invoke["Resource"] == {"Ref": version}
    assert hook["Timeout"] > stack.recommend[1]["Timeout"] + 30


def test_a_changed_property_is_published() -> None:
    # GIVEN the same code with one property changed WHEN both are transformed
    def patient(source: dict[str, Any]) -> None:
        source["Globals"]["Function"]["Timeout"] += 1

    # THEN the alias moves to a new version: else it would go on as before
    assert set(deployed(edit=patient).of_type(VERSION)) != set(deployed().of_type(VERSION))


def test_a_changed_parameter_alone_is_not_published_by_sam() -> None:
    # GIVEN a version, and one with another memory size WHEN compared
    # THEN SAM sees no difference: why `make build` names releases (when this fails, release.py may go)
    assert set(deployed({"MemorySize": 3008}).of_type(VERSION)) == set(deployed().of_type(VERSION))


def test_a_release_names_the_versions_of_both_forms_of_the_function() -> None:
    # GIVEN a template as `sam build` leaves it WHEN a release is written into it
    built = "  RecommendFunction:\n    Properties:\n      CodeUri: RecommendFunction\n"
    released = with_release(built, "RecommendFunction", "0123abcdef")

    # THEN SAM names the versions after it
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


def test_anything_that_matters_makes_another_release(tmp_path: Path) -> None:
    # GIVEN an artifact, and a file of parameters
    code, parameters = tmp_path / "artifact" / "recommend.py", tmp_path / "samconfig.toml"
    code.parent.mkdir()
    code.write_text("1")
    parameters.write_text("MemorySize=1769")
    releases = [release_of(code.parent, [parameters])]
    assert release_of(code.parent, [parameters]) == releases[0]

    # WHEN each changes, and a note is given THEN no two releases are the same
    code.write_text("2")
    releases.append(release_of(code.parent, [parameters]))
    parameters.write_text("MemorySize=3008")
    releases.append(release_of(code.parent, [parameters]))
    releases.append(release_of(code.parent, [parameters], "again"))
    assert len(set(releases)) == len(releases)


def test_a_stack_can_be_made_in_one_go(stack: Stack) -> None:
    # GIVEN which resource waits for which
    from graphlib import TopologicalSorter

    from tests.template.resolver import references

    waits = {
        name: {*references(body), *([body["DependsOn"]] if "DependsOn" in body else [])} & stack.resources.keys()
        for name, body in stack.resources.items()
    }

    # WHEN put in order THEN none waits for itself (CycleError)
    assert len(list(TopologicalSorter(waits).static_order())) == len(stack.resources)

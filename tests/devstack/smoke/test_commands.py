"""The command lines of `make smoke`: SAM's own parser reads them, and a planted fault is what Python runs."""

import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from devstack.smoke.commands import BUILD, ENVIRONMENT, ROOT, build_command, deploy_command, event_reason, plant
from devstack.smoke.steps import FAULT
from devstack.template.stack import deployed
from tests.building import make

PARSE = """
import json, sys
from samcli.commands.deploy.command import cli
context = cli.make_context("deploy", json.load(sys.stdin))
assert not context.args
kept = ("stack_name", "s3_bucket", "resolve_s3", "confirm_changeset", "fail_on_empty_changeset", "capabilities")
print(json.dumps({**{name: context.params[name] for name in kept}, "region": context.params.get("region"),
    "overrides": context.params["parameter_overrides"], "tags": context.params["tags"]}, default=list))
"""


@pytest.mark.slow
def test_sam_reads_the_command_as_it_is_meant() -> None:
    # GIVEN the SAM CLI that `make build` uses, and the command of a deployment, of the template before its build
    make("--silent", ".sam-venv")
    command = [
        str(ROOT / "template.yaml") if word == str(BUILD / "template.yaml") else word
        for word in deploy_command("nextitem-smoke-1", "eu-central-1", "packages", None)
    ]
    # WHEN its own parser reads it, with samconfig.toml
    parsed = json.loads(
        subprocess.run(
            [ROOT / ".sam-venv/bin/python", "-c", PARSE],
            input=json.dumps(command[2:]),
            text=True,
            capture_output=True,
            cwd=ROOT,
            check=True,
        ).stdout
    )
    # THEN it deploys a stack of its own without questions, from a bucket of its own
    assert parsed["stack_name"] == "nextitem-smoke-1"
    assert parsed["s3_bucket"] == "packages"
    assert not parsed["resolve_s3"]
    assert not parsed["confirm_changeset"]
    assert set(parsed["capabilities"]) == {"CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"}
    assert parsed["overrides"]["DeploymentType"].startswith("Canary")
    assert parsed["tags"] == {"nextitem:smoke": "true"}


@pytest.mark.slow
def test_the_parameters_exist_and_a_profile_is_passed_on() -> None:
    parameters = tomllib.loads((ROOT / "samconfig.toml").read_text())[ENVIRONMENT]["deploy"]["parameters"]
    overrides = dict(override.split("=", 1) for override in parameters["parameter_overrides"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        assert deployed(overrides).values["DeploymentType"] == "Canary10Percent5Minutes"
    command = deploy_command("a", "eu-central-1", "packages", "shop")
    assert command[-2:] == ["--profile", "shop"]
    assert str(BUILD / "template.yaml") in command


def test_the_build_publishes_a_version_of_its_name() -> None:
    dry = subprocess.run([*build_command("smoke-7"), "-n"], capture_output=True, text=True, check=True)
    assert '--note "smoke-7"' in dry.stdout


@pytest.mark.slow
def test_a_planted_fault_runs_instead_of_the_compiled_module(
    built_function: Path, python313: Path, tmp_path: Path
) -> None:
    # GIVEN a built function, whose modules are compiled and trusted without a look at their source
    artifact = tmp_path / "artifact"
    shutil.copytree(built_function, artifact)
    # WHEN a fault is planted
    plant(FAULT, artifact)
    # THEN Python runs into it
    ended = subprocess.run(
        [python313, "-c", "import recommend"],
        cwd=artifact,
        env={
            "NEXTITEM_BUCKET": "models",
            "NEXTITEM_STORE_URL": "redis://127.0.0.1:1/0",
            "NEXTITEM_KEY_SECRET": "a secret of this test",
            "AWS_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "planted by make smoke" in ended.stderr


def test_the_reason_is_the_first_failure_of_the_latest_operation() -> None:
    def event(name: str, status: str, reason: str) -> dict[str, str]:
        return {"LogicalResourceId": name, "ResourceStatus": status, "ResourceStatusReason": reason}

    newest_first = [
        event("shop", "UPDATE_ROLLBACK_COMPLETE", ""),
        event("Topic", "UPDATE_FAILED", "Resource update cancelled"),
        event("RecommendFunctionAliaslive", "UPDATE_FAILED", "the hook failed"),
        event("shop", "UPDATE_IN_PROGRESS", "User Initiated"),
        event("Topic", "CREATE_FAILED", "an older operation"),
    ]
    assert event_reason(newest_first) == "RecommendFunctionAliaslive: the hook failed"
    assert event_reason(newest_first[:1]) == "CloudFormation gives no reason"

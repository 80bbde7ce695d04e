"""`make local`: what it says without Docker, and what it makes of SAM's answers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.sam_local import EVENTS, ROOT, VARIABLES, invoke_command, response_fault, settings_fault
from tests.building import make

SAM_ANSWER = json.dumps({"statusCode": 200, "body": "{}"})


def program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def run(path: Path, sam: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command where only the programs of a folder exist."""
    kept = {name: os.environ[name] for name in ("LANG", "SYSTEMROOT") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "devstack.sam_local", str(sam)],
        cwd=ROOT,
        env={**kept, "PATH": str(path), "PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("variables", "code"), [({}, 0), ({"CI": "true"}, 1)])
def test_without_docker_one_line_says_why(variables: dict[str, str], code: int, tmp_path: Path) -> None:
    ended = run(tmp_path, tmp_path / "sam", **variables)
    assert ended.returncode == code
    assert ended.stderr == ("Nothing was invoked: there is no program docker on this machine; install Docker.\n")


def test_a_docker_that_does_not_answer_is_no_docker(tmp_path: Path) -> None:
    program(tmp_path, "docker", 'echo "Client: 27"; echo "Cannot connect to the Docker daemon" >&2; exit 1')
    ended = run(tmp_path, tmp_path / "sam")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr == (
        "Nothing was invoked: docker does not answer; start it (Cannot connect to the Docker daemon).\n"
    )


def test_without_a_stack_s_values_nothing_runs(tmp_path: Path) -> None:
    program(tmp_path, "docker", "echo 27.0")
    sam = program(tmp_path, "sam", "touch invoked")
    ended = run(tmp_path, sam)
    assert "sam_local_env.json has no NEXTITEM_BUCKET and NEXTITEM_KEY_SECRET_ID;" in ended.stderr


@pytest.fixture
def variables(tmp_path: Path) -> Path:
    """The file of variables, with values of a stack in Ireland."""
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop-AbCdEf"
    values = json.loads(VARIABLES.read_text())
    values["RecommendFunction"] |= {"NEXTITEM_BUCKET": "shop", "NEXTITEM_KEY_SECRET_ID": arn}
    path = tmp_path / "variables.json"
    path.write_text(json.dumps(values))
    return path


def test_values_of_a_stack_are_accepted(variables: Path) -> None:
    assert settings_fault(variables) is None


def test_a_secret_without_its_region_is_refused(variables: Path) -> None:
    variables.write_text(variables.read_text().replace("arn:aws:secretsmanager:eu-west-1:123456789012:secret:", ""))
    assert "NEXTITEM_KEY_SECRET_ID in variables.json is no ARN" in str(settings_fault(variables))


def test_the_function_looks_for_the_stack_in_its_own_region(variables: Path) -> None:
    command = invoke_command("sam", EVENTS / "health.json", variables)
    assert command[command.index("--region") + 1] == "eu-west-1"


@pytest.mark.parametrize(
    ("is_http", "response", "fault"),
    [
        (True, f"a line of a log\n{SAM_ANSWER}\n", None),
        (True, json.dumps({"statusCode": 404, "body": ""}), None),
        (True, json.dumps({"statusCode": 503, "body": ""}), "status 503"),
        (True, json.dumps({"body": ""}), "status None"),
        (False, json.dumps({"status": "ok"}), None),
        (False, json.dumps({"errorType": "Timeout", "errorMessage": "10 s"}), "Timeout: 10 s"),
        (True, "[]", "no object in the response"),
        (True, "", "no JSON response"),
    ],
)
def test_faults_in_responses(is_http: bool, response: str, fault: str | None) -> None:
    assert response_fault(is_http, response) == fault


PARSE = """
import json, sys
from samcli.commands.local.invoke.cli import cli
for command in json.load(sys.stdin):
    context = cli.make_context("invoke", list(command))
    assert context.params["function_logical_id"] == "RecommendFunction", context.params
    assert context.params["event"] in command, context.params
    assert not context.args
"""


@pytest.mark.slow
def test_sam_accepts_the_command_of_every_event(variables: Path) -> None:
    # GIVEN the SAM CLI that `make build` uses
    make("--silent", ".sam-venv")
    commands = [invoke_command("sam", event, variables) for event in sorted(EVENTS.glob("*.json"))]
    assert {tuple(command[1:3]) for command in commands} == {("local", "invoke")}
    # THEN its own parser reads them
    options = json.dumps([command[3:] for command in commands])
    subprocess.run([ROOT / ".sam-venv/bin/python", "-c", PARSE], input=options, text=True, cwd=ROOT, check=True)

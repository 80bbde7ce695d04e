"""The examples of the READMEs and of docs/clients.md run against a real stack; those of the READMEs are short."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from devstack.lambda_runtime.function import Function
from devstack.services.bucket import ACCESS_KEY, REGION
from devstack.stack import Stack
from tests.building import ROOT

MAX_LINES = 20
PYTHON = re.findall(r"```python\n(.*?)```", (ROOT / "clients/python/README.md").read_text(), re.DOTALL)
BLOCKS = dict(re.findall(r"```(?:python|yaml) (\w+)\n(.*?)```", (ROOT / "docs/clients.md").read_text(), re.DOTALL))

pytestmark = pytest.mark.slow


def run(folder: Path, *arguments: str, **variables: str) -> str:
    """Run Python with the client in a folder, and return its output."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "clients/python"), **variables}
    shown = subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    return shown.stdout


@pytest.mark.parametrize("example", PYTHON, ids=["sync", "async"])
def test_a_python_example_works_in_under_20_lines(stack: Stack, example: str, tmp_path: Path) -> None:
    assert len(example.splitlines()) < MAX_LINES
    shown = run(tmp_path, "-W", "error", "-c", example, API_URL=stack.url)
    assert shown.startswith("['")
    assert "left:" not in shown or "left: 0 because of None" in shown


def test_the_function_can_be_invoked_directly(stack: Stack, tmp_path: Path) -> None:
    variables = {
        "AWS_ENDPOINT_URL_LAMBDA": stack.url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "FUNCTION": Function.name,
    }
    assert run(tmp_path, "-c", BLOCKS["direct"], **variables).startswith("['")


def test_an_app_can_be_tested_with_the_fixture(tmp_path: Path) -> None:
    # GIVEN an app with the fixture and the test of the page
    (tmp_path / "conftest.py").write_text(BLOCKS["fixture"])
    (tmp_path / "test_app.py").write_text(BLOCKS["test"])
    # WHEN its tests run as in the workflow, THEN they pass
    workflow = yaml.safe_load(BLOCKS["actions"])
    variables = {name: str(ROOT) for step in workflow["steps"] for name in step.get("env", {})}
    assert "1 passed" in run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", ".", **variables)

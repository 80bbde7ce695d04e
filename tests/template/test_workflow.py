"""The GitHub workflows: pinned, without keys, and with commands that exist."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from tests.template.stack import ROOT, deployed

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
USED = re.compile(r"uses: *(\S+)(.*)")
COMMIT = re.compile(r"[\w./-]+@[0-9a-f]{40}")
VERSION = re.compile(r" # v\d+\.\d+\.\d+")
TARGETS = set(re.findall(r"^([\w.-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def steps(path: Any) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(path.read_text())["jobs"]
    return [step for job in jobs.values() for step in job.get("steps", [])]


@each_workflow
def test_every_action_is_pinned_by_its_commit_with_its_version_beside_it(path: Any) -> None:
    # GIVEN the actions of a workflow, but for its own
    used = [found for found in USED.findall(path.read_text()) if not found[0].startswith("./")]
    assert [one for one, _ in used] == [step["uses"] for step in steps(path) if "uses" in step]

    # WHEN read THEN each is a commit, which nobody can move, and says to people which one
    assert used
    assert [one for one in used if not (COMMIT.fullmatch(one[0]) and VERSION.fullmatch(one[1]))] == []


def test_an_action_has_one_commit() -> None:
    commits = {tuple(one.split("@")) for path in WORKFLOWS for one, _ in USED.findall(path.read_text()) if "@" in one}
    assert len({action for action, _ in commits}) == len(commits)


@each_workflow
def test_every_make_target_exists(path: Any) -> None:
    wanted = [words.split()[1:] for step in steps(path) if (words := step.get("run", "")).startswith("make ")]
    assert {target for targets in wanted for target in targets} <= TARGETS


@each_workflow
def test_no_key_is_kept_and_tokens_read_only(path: Any) -> None:
    # GIVEN a workflow WHEN read THEN it has no secret, and writes nothing but the token for OIDC
    document = yaml.safe_load(path.read_text())
    assert "secrets." not in path.read_text()
    assert {*document["permissions"].items()} <= {("contents", "read"), ("id-token", "write")}


def test_the_environments_that_are_deployed_are_configured_with_parameters_that_exist() -> None:
    # GIVEN the environments of the workflow, and samconfig.toml
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yaml").read_text())["jobs"]
    environments = {job["with"]["environment"] for job in jobs.values() if "with" in job}
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())

    # WHEN each is deployed as configured THEN the template takes it
    assert environments == {"staging", "production"}
    for name in environments:
        given = dict(one.split("=", 1) for one in config[name]["deploy"]["parameters"]["parameter_overrides"])
        deployed(given)
    assert len({config[name]["global"]["parameters"]["stack_name"] for name in environments}) == len(environments)

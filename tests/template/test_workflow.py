"""The GitHub workflows: pinned actions, no keys, commands that exist."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from devstack.template.stack import ROOT, deployed, source

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
def test_every_action_is_pinned_by_a_commit_with_its_version_in_a_comment(path: Any) -> None:
    used = [use for use in USED.findall(path.read_text()) if not use[0].startswith("./")]
    assert [use for use, _ in used] == [step["uses"] for step in steps(path) if "uses" in step]

    assert used
    assert [use for use in used if not (COMMIT.fullmatch(use[0]) and VERSION.fullmatch(use[1]))] == []


def test_an_action_has_one_commit() -> None:
    commits = {tuple(use.split("@")) for path in WORKFLOWS for use, _ in USED.findall(path.read_text()) if "@" in use}
    assert len({action for action, _ in commits}) == len(commits)


@each_workflow
def test_every_make_target_exists(path: Any) -> None:
    targets_of_steps = [words.split()[1:] for step in steps(path) if (words := step.get("run", "")).startswith("make ")]
    assert {word for words in targets_of_steps for word in words if "=" not in word} <= TARGETS  # not ARGS=--smoke


@each_workflow
def test_no_secret_is_used_and_tokens_only_read(path: Any) -> None:
    document = yaml.safe_load(path.read_text())
    assert "secrets." not in path.read_text()
    assert {*document["permissions"].items()} <= {("contents", "read"), ("id-token", "write")}
    permissions = [item for job in document["jobs"].values() for item in job.get("permissions", {}).items()]
    assert {*permissions} <= {("contents", "read"), ("id-token", "write"), ("pages", "write")}


def test_a_release_builds_without_credentials_and_publishes_without_our_code() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/release.yaml").read_text())["jobs"]
    build = jobs.pop("build")
    assert "permissions" not in build
    assert {"run": "make wheels npm-package site"} in build["steps"]
    for name, job in jobs.items():
        assert job["needs"] == "build", name
        assert job["environment"], name  # its reviewers approve the release
        assert job["permissions"]["id-token"] == "write", name
        uses = [step.get("uses", "").partition("@")[0] for step in job["steps"]]
        assert "actions/checkout" not in uses, name
        runs = [step["run"] for step in job["steps"] if "run" in step]
        assert all(run.startswith("npm publish --ignore-scripts ") for run in runs), name


def test_only_the_aws_cli_runs_with_the_credentials_of_a_role() -> None:
    deploy = steps(ROOT / ".github/workflows/deploy.yaml")
    (entry,) = (number for number, step in enumerate(deploy) if "configure-aws-credentials" in step.get("uses", ""))

    assert all(re.match(r"aws |xargs --arg-file arguments aws ", step["run"]) for step in deploy[entry + 1 :])
    assert all("make" not in step.get("run", "") and "pip" not in step.get("run", "") for step in deploy)


OTHER_MINUTES = 25
"""Of a deployment besides the move of traffic: creating a cache takes most of it."""
SESSION_MINUTES = 60
"""Of a role's credentials, unless its maximum is raised: `role-duration-seconds` of configure-aws-credentials."""


def minutes_of(deployment: str) -> int:
    """Return how long a type of deployment moves traffic; a linear one moves the first tenth at once."""
    match = re.fullmatch(r"Canary10Percent(\d+)Minutes|Linear10PercentEvery(\d+)Minutes?", deployment)
    if match is None:
        return 0
    return int(match[1]) if match[1] else 9 * int(match[2])


def test_no_type_of_deployment_outlasts_the_job_or_its_credentials() -> None:
    types = source()["Parameters"]["DeploymentType"]["AllowedValues"]
    job = yaml.safe_load((ROOT / ".github/workflows/deploy.yaml").read_text())["jobs"]["deploy"]
    limit = min(job["timeout-minutes"], SESSION_MINUTES)

    assert max(map(minutes_of, types)) > 0
    assert [kind for kind in types if minutes_of(kind) + OTHER_MINUTES > limit] == []


def test_every_environment_is_configured_with_existing_parameters() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yaml").read_text())["jobs"]
    environments = {job["with"]["environment"] for job in jobs.values() if "with" in job}
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())

    assert environments == {"staging", "production"}
    for name in environments:
        overrides = dict(
            override.split("=", 1) for override in config[name]["deploy"]["parameters"]["parameter_overrides"]
        )
        deployed(overrides)
    assert len({config[name]["global"]["parameters"]["stack_name"] for name in environments}) == len(environments)

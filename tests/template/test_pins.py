"""The function's pinned packages are those of this environment and of pyproject.toml."""

import tomllib
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LAMBDA = {"python_version": "3.13", "python_full_version": "3.13.0", "extra": ""}
NOT_IMPORTED = {("onnxruntime", name) for name in ("flatbuffers", "packaging", "protobuf")}
"""(package, dependency) pairs left out of the artifact; the build's test runs without them."""


def requirements(lines: list[str]) -> dict[str, Requirement]:
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(requirement.name): requirement for requirement in parsed}


@pytest.fixture(scope="module")
def pins() -> dict[str, Requirement]:
    lines = (ROOT / "functions" / "requirements.txt").read_text().splitlines()
    return requirements([line.partition("#")[0] for line in lines if line.partition("#")[0].strip()])


def test_every_pin_is_the_version_that_the_tests_run_with(pins: dict[str, Requirement]) -> None:
    assert {name: str(pin.specifier) for name, pin in pins.items()} == {name: f"=={version(name)}" for name in pins}


def test_every_declared_dependency_is_pinned_within_its_range(pins: dict[str, Requirement]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = requirements(project["dependencies"])

    for name, requirement in declared.items():
        assert requirement.specifier.contains(version(name)), name
        assert name in pins, name


def test_the_pins_lack_no_dependency_of_each_other(pins: dict[str, Requirement]) -> None:
    needed = {
        (name, canonicalize_name(requirement.name))
        for name in pins
        for requirement in map(Requirement, requires(name) or [])
        if requirement.marker is None or requirement.marker.evaluate(LAMBDA)
    }

    missing = {(name, dependency) for name, dependency in needed if dependency not in pins}

    assert missing == NOT_IMPORTED

"""What ships or deploys is pinned and hashed; the function's pins are those that the tests run with."""

import re
import subprocess
import tomllib
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.building import without_outer_make

ROOT = Path(__file__).parents[2]
LAMBDA = {"python_version": "3.13", "python_full_version": "3.13.0", "extra": ""}
NOT_IMPORTED = {("onnxruntime", name) for name in ("flatbuffers", "packaging", "protobuf")}
"""(package, dependency) pairs left out of the artifact; the build's test runs without them."""


FUNCTION = ROOT / "functions" / "requirements.txt"
LEARNING = ROOT / "functions" / "learning" / "requirements.txt"
CONTAINER = ROOT / "functions" / "container" / "requirements.txt"
LOCKS = [
    FUNCTION,
    LEARNING,
    CONTAINER,
    *(source.with_suffix(".txt") for source in (ROOT / "requirements").glob("*.in")),
]
INSTALL = re.compile(r"pip install (?:.*\\\n)*.*")


def requirements(lines: list[str]) -> dict[str, Requirement]:
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(requirement.name): requirement for requirement in parsed}


def pinned(*locks: Path) -> dict[str, Requirement]:
    return requirements(re.findall(r"(?m)^[\w.-]+==\S+", "".join(lock.read_text() for lock in locks)))


@pytest.fixture(scope="module")
def pins() -> dict[str, Requirement]:
    return pinned(FUNCTION, LEARNING, CONTAINER)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: f"{lock.parent.name}/{lock.name}")
def test_every_package_is_pinned_with_its_hashes(lock: Path) -> None:
    packages = [line for line in lock.read_text().replace("\\\n", "").splitlines() if line[:1] not in {"", "#", " "}]

    assert packages
    for package in packages:
        assert re.fullmatch(r"[\w.-]+==[\w.]+( +--hash=sha256:[0-9a-f]{64})+ *", package), package


def test_the_audit_reads_each_lock_alone_and_fails_for_one_of_them(tmp_path: Path) -> None:
    # GIVEN an audit that finds something in one file; the real one needs the network, and refuses a package twice
    audit = tmp_path / "pip-audit"
    audit.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\ncase "$*" in *checkov*) exit 1;; esac\n')
    audit.chmod(0o700)
    (tmp_path / "pip-compile").touch()  # stands for the installed tools
    # WHEN all that ships or deploys is audited
    make = ["make", "--silent", "audit", f"AUDIT={tmp_path}"]
    run = subprocess.run(make, cwd=ROOT, env=without_outer_make(), capture_output=True, text=True, check=False)
    # THEN each file is read, also after the finding, and no package counts as sound that the database does not know
    calls = (tmp_path / "calls").read_text().splitlines()
    assert sorted(call.partition("--requirement ")[2] for call in calls) == sorted(
        str(lock.relative_to(ROOT)) for lock in LOCKS
    )
    assert all("--strict" in call.split() for call in calls)
    # AND the whole fails and names the file
    assert run.returncode
    assert "audit failed: requirements/checkov.txt" in run.stdout


@pytest.mark.parametrize("script", ["Makefile", "functions/Makefile", "kubernetes/install.sh"])
def test_every_installation_from_a_lock_checks_hashes_and_builds_nothing(script: str) -> None:
    installations = [text for text in INSTALL.findall((ROOT / script).read_text()) if "--requirement" in text]

    assert installations
    assert all("--require-hashes" in text and "--only-binary=:all:" in text for text in installations)


def test_every_pin_is_the_version_that_the_tests_run_with(pins: dict[str, Requirement]) -> None:
    assert {name: str(pin.specifier) for name, pin in pins.items()} == {name: f"=={version(name)}" for name in pins}


def test_every_declared_dependency_is_pinned_within_its_range(pins: dict[str, Requirement]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = requirements(project["dependencies"])

    for name, requirement in declared.items():
        assert requirement.specifier.contains(version(name)), name
        assert name in pins, name


def test_the_container_has_the_packages_of_the_function() -> None:
    function, container = (
        {name: str(pin.specifier) for name, pin in pinned(lock).items()} for lock in (FUNCTION, CONTAINER)
    )

    assert function.items() < container.items()


@pytest.mark.parametrize(
    ("locks", "left_out"),
    [((FUNCTION, LEARNING), NOT_IMPORTED), ((CONTAINER,), NOT_IMPORTED - {("onnxruntime", "protobuf")})],
    ids=["functions", "container"],  # traces need protobuf
)
def test_the_pins_lack_no_dependency_of_each_other(locks: tuple[Path, ...], left_out: set[tuple[str, str]]) -> None:
    pins = pinned(*locks)
    needed = {
        (name, canonicalize_name(requirement.name))
        for name in pins
        for requirement in map(Requirement, requires(name) or [])
        if requirement.marker is None or requirement.marker.evaluate(LAMBDA)
    }

    missing = {(name, dependency) for name, dependency in needed if dependency not in pins}

    assert missing == left_out

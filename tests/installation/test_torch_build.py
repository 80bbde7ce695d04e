"""`make install` takes torch's CPU build, or stops: PyPI's build for Linux brings several GB of CUDA libraries."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.building import ROOT, without_outer_make
from tests.installation.package_index import Wheel, index

CONSTRAINTS = [
    Requirement(line)
    for line in (ROOT / "requirements" / "constraints.txt").read_text().splitlines()
    if not line.startswith("#")
]
VERSION = next(
    requirement.specifier
    for requirement in map(
        Requirement, tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["export"]
    )
    if requirement.name == "torch"
)
PINNED = str(VERSION).removeprefix("==")
CUDA_LIBRARY = Wheel("nvidia-cublas", "13.0")
CUDA_BUILD = Wheel("torch", PINNED, (f"{CUDA_LIBRARY.name}; sys_platform == 'linux'",))
CPU_BUILD = Wheel("torch", f"{PINNED}+cpu")
OF_CUDA = re.compile(r"nvidia|cuda|triton\b|cupy")
NOWHERE = "http://127.0.0.1:9/"
"""Port 9, discard: connections are refused."""

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="PyPI's torch is a CUDA build on Linux only")


@pytest.fixture
def pypi(tmp_path: Path) -> Iterator[str]:
    """PyPI, which has the CUDA build."""
    with index([CUDA_BUILD, CUDA_LIBRARY], tmp_path / "pypi") as server:
        yield server.endpoint


def install_torch(pypi: str, torch_index: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the Makefile's command for torch; pip's settings make it write its choice to stdout and install nothing."""
    makefile = ["make", "--dry-run", "--always-make", "install", f"BIN={Path(sys.executable).parent}"]
    commands = subprocess.run(
        [*makefile, f"TORCH_INDEX={torch_index}"],
        cwd=ROOT,
        env=without_outer_make(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.replace("\\\n", "")
    (command,) = [line for line in commands.splitlines() if "--extra-index-url" in line]
    others = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    ours = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": pypi,
        "PIP_DRY_RUN": "1",
        "PIP_IGNORE_INSTALLED": "1",
        "PIP_REPORT": "-",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    return subprocess.run(
        ["bash", "-c", command],  # noqa: S607 - bash of PATH, as for a person
        cwd=ROOT,
        env=others | ours | settings,
        capture_output=True,
        text=True,
        check=False,
    )


def chosen(installation: subprocess.CompletedProcess[str]) -> list[tuple[str, str]]:
    assert installation.returncode == 0, installation.stderr
    packages = json.loads(installation.stdout)["install"]
    return [(package["metadata"]["name"], package["metadata"]["version"]) for package in packages]


@on_linux
@pytest.mark.slow
def test_the_cpu_build_is_chosen_where_both_are_offered(pypi: str, tmp_path: Path) -> None:
    # GIVEN PyPI with the CUDA build, and PyTorch's index with the CPU build
    with index([CPU_BUILD], tmp_path / "pytorch") as pytorch:
        # WHEN make installs torch THEN it takes the CPU build and nothing else
        assert chosen(install_torch(pypi, pytorch.endpoint)) == [("torch", CPU_BUILD.version)]


@on_linux
@pytest.mark.slow
def test_a_wheel_on_disk_does_where_the_index_cannot_be_reached(pypi: str, tmp_path: Path) -> None:
    CPU_BUILD.write(tmp_path / "wheels")
    installation = install_torch(pypi, NOWHERE, PIP_FIND_LINKS=str(tmp_path / "wheels"))
    assert chosen(installation) == [("torch", CPU_BUILD.version)]


@on_linux
@pytest.mark.slow
def test_the_cuda_build_is_refused_where_it_is_the_only_one(pypi: str) -> None:
    installation = install_torch(pypi, NOWHERE)
    assert installation.returncode != 0
    assert installation.stderr.splitlines()[-1] == (
        f"There is no CPU build of torch at {NOWHERE} for this Python, or it cannot be reached. "
        "TORCH_INDEX=URL names another index."
    )


@pytest.mark.parametrize(("system", "build"), [("linux", "+cpu"), ("darwin", "")])
def test_each_system_has_one_pin_of_the_declared_version(system: str, build: str) -> None:
    pins = [
        str(pin.specifier)
        for pin in CONSTRAINTS
        if pin.name == "torch" and (pin.marker is None or pin.marker.evaluate({"sys_platform": system}))
    ]
    assert pins == [f"=={PINNED}{build}"]


def test_nothing_that_is_pinned_or_installed_is_of_cuda() -> None:
    pinned = {canonicalize_name(pin.name) for pin in CONSTRAINTS}
    installed = {canonicalize_name(distribution.name) for distribution in distributions()}
    needed = {
        requirement.name
        for requirement in map(Requirement, requires("torch") or [])
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    }
    assert {name for name in pinned | installed | needed if OF_CUDA.match(name)} == set()

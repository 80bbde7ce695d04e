"""The packages that a release publishes, as `make wheels` builds them, in environments without this clone."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.building import ROOT, make

EXTRAS = ("export", "report", "spark", "tune", "mlflow")
"""Extras that an error of the program may name."""
REPORT = """
import nextitem, model_export, nextitem_client, sys
from nextitem.sessions import valkey_store
print(nextitem.__file__, model_export.__file__, nextitem_client.__file__, valkey_store.__file__, sep="\\n")
"""


def run(*command: str, folder: Path) -> str:
    """Run a command outside the project, without the modules that this process finds."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip_install(python: Path, *arguments: str) -> None:
    """Install with this project's pip into the environment of another Python."""
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet")
    run(*pip, *arguments, folder=python.parent)


def new_environment(folder: Path) -> Path:
    """Return the Python of a new, empty environment."""
    run(sys.executable, "-m", "venv", "--without-pip", str(folder), folder=folder.parent)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def wheels() -> list[str]:
    make("--silent", "wheels")
    return sorted(map(str, (ROOT / ".build" / "wheels").iterdir()))


@pytest.fixture(scope="module")
def python(wheels: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheels, which finds all other packages in this project's environment."""
    python = new_environment(tmp_path_factory.mktemp("environment") / "venv")
    pip_install(python, "--no-index", "--no-deps", *wheels)
    others = sysconfig.get_paths()["purelib"]  # .pth files inside it have no effect, so this project stays unseen
    (packages_of(python) / "others.pth").write_text(others)
    return python


def packages_of(python: Path) -> Path:
    return next((python.parents[1] / "lib").glob("python*/site-packages"))


def test_the_packages_of_a_release_have_one_version() -> None:
    manifests = [ROOT / "pyproject.toml", ROOT / "clients" / "python" / "pyproject.toml"]
    versions = {tomllib.loads(manifest.read_text())["project"]["version"] for manifest in manifests}
    versions.add(json.loads((ROOT / "clients" / "typescript" / "package.json").read_text())["version"])
    assert len(versions) == 1


@pytest.mark.slow
def test_they_hold_the_packages_with_their_data(python: Path) -> None:
    installed = packages_of(python)
    folders = {path.name for path in installed.iterdir() if path.is_dir() and path.suffix != ".dist-info"}
    assert folders == {"model_export", "nextitem", "nextitem_client"}
    for source in (ROOT / "functions" / "nextitem", ROOT / "model_export", ROOT / "clients/python/nextitem_client"):
        files = {path.relative_to(source.parent) for path in source.rglob("*.*") if "__pycache__" not in path.parts}
        assert {path for path in files if not (installed / path).is_file()} == set()


@pytest.mark.slow
def test_the_commands_work_without_the_project(python: Path, tmp_path: Path) -> None:
    files = run(str(python), "-c", REPORT, folder=tmp_path).split()
    assert len(files) == 4
    assert all(Path(file).is_relative_to(packages_of(python)) for file in files)
    # WHEN its command is used THEN it says its version, and writes events
    nextitem = str(python.parent / "nextitem")
    assert re.match(r"nextitem \d+\.\d+\.\d+ \(Python ", run(nextitem, "--version", folder=tmp_path))
    run(nextitem, "simulate", "--sessions", "50", "--out", "events.csv", folder=tmp_path)
    assert len((tmp_path / "events.csv").read_text().splitlines()) > 50


@pytest.mark.slow
def test_an_extra_that_an_error_names_is_installed_without_a_registry_of_ours(python: Path) -> None:
    # GIVEN the installed package WHEN a user does what the error says THEN pip takes the extra of that package
    assert set(EXTRAS) <= set(distribution("nextitem").metadata.get_all("Provides-Extra") or [])
    pip_install(python, "--no-index", f"nextitem[{','.join(EXTRAS)}]")


@pytest.mark.slow
def test_the_client_needs_only_what_it_declares(wheels: list[str], tmp_path: Path) -> None:
    python = new_environment(tmp_path / "venv")
    (client,) = (wheel for wheel in wheels if "nextitem_client" in wheel)
    pip_install(python, "--constraint", str(ROOT / "requirements" / "constraints.txt"), client)
    shown = run(str(python), "-c", "import nextitem_client as c; print(c.Client, c.AsyncClient)", folder=tmp_path)
    assert "nextitem_client" in shown

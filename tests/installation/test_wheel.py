"""The package that a user installs: `nextitem` and `model_export` with their data, and nothing of the development."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.building import ROOT

REPORT = """
import nextitem, model_export, importlib.util, sys
from nextitem.sessions import valkey_store
print(nextitem.__file__, model_export.__file__, valkey_store.__file__, sep="\\n")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which pip has installed the project, without its dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), str(ROOT)]
    subprocess.run(pip, check=True, cwd=folder)
    return folder


@pytest.mark.slow
def test_it_holds_the_two_packages_with_their_data(installed: Path) -> None:
    packages = {path.name for path in installed.iterdir() if path.suffix != ".dist-info"}
    assert packages == {"bin", "model_export", "nextitem"}
    for source in (ROOT / "functions" / "nextitem", ROOT / "model_export"):
        files = {path.relative_to(source.parent) for path in source.rglob("*.*") if "__pycache__" not in path.parts}
        assert {path for path in files if not (installed / path).is_file()} == set()


@pytest.mark.slow
def test_its_commands_work_outside_the_project(installed: Path, tmp_path: Path) -> None:
    # GIVEN the installed package before the one of this project
    environment = os.environ | {"PYTHONPATH": str(installed)}
    where = [sys.executable, "-c", REPORT]
    files = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert all(Path(file).is_relative_to(installed) for file in files.split())
    # WHEN its command writes events THEN they are there
    command = [str(installed / "bin" / "nextitem"), "simulate", "--sessions", "50", "--out", "events.csv"]
    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert len((tmp_path / "events.csv").read_text().splitlines()) > 50

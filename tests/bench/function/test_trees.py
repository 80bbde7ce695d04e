"""A build of other sources than the present ones is not measured as theirs."""

import shutil
from pathlib import Path

import pytest

from bench.function.trees import changed_since
from tests.building import FUNCTIONS

PIN = "redis==8.1.0"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "functions"
    (folder / "nextitem" / "scripts").mkdir(parents=True)
    (folder / "recommend.py").write_text("handler")
    (folder / "nextitem" / "scripts" / "append.lua").write_text("script")
    (folder / "requirements.txt").write_text(f"{PIN} \\\n    --hash=sha256:00\n")
    return folder


@pytest.fixture
def build(source: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "build"
    shutil.copytree(source, folder)
    (folder / "redis-8.1.0.dist-info").mkdir()
    return folder


def test_a_build_of_the_same_sources_is_current(build: Path, source: Path) -> None:
    assert changed_since(build, source) == ""


@pytest.mark.parametrize("name", ["recommend.py", "nextitem/scripts/append.lua", "nextitem/new.py"])
def test_a_changed_file_is_named(build: Path, source: Path, name: str) -> None:
    (source / name).write_text("changed")
    assert changed_since(build, source) == name


def test_another_version_of_a_package_is_named(build: Path, source: Path) -> None:
    (source / "requirements.txt").write_text("redis==8.2.0\n")
    assert changed_since(build, source) == "requirements.txt: redis==8.2.0"


@pytest.mark.slow
def test_the_makefile_makes_a_current_build(built_function: Path) -> None:
    assert changed_since(built_function, FUNCTIONS) == ""

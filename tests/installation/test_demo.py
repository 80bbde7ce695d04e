"""`make run` in a clean clone: it installs what the demo needs, prints no warning of a build, and serves."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.building import without_outer_make
from tests.planted_faults.__main__ import copy_tree

LARGE = ("torch", "pyarrow", "pyspark", "duckdb", "matplotlib")
"""Packages of training and development, most of the 2.5 GB."""


@pytest.mark.slow
def test_make_run_installs_the_demo_alone(tmp_path: Path) -> None:
    # GIVEN a clean copy of the tree
    tree = copy_tree(tmp_path / "tree")
    # WHEN make runs the demo once
    environment = without_outer_make() | {"ONCE": "1", "TMPDIR": str(tmp_path), "COLUMNS": "120"}
    environment = {name: value for name, value in environment.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    command = ["make", "run", "ARGS=--port 0 --sessions 20"]
    made = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    # THEN it has served all requests
    assert made.returncode == 0, made.stdout + made.stderr
    assert "is live on" in made.stdout
    # AND no build has warned
    ours = [line for line in made.stderr.splitlines() if "file:///" not in line]  # folders of packages that pip lacks
    assert [line for line in ours if "warning" in line.lower()] == []
    # AND the packages of training are not there
    (packages,) = tree.glob(".venv/lib/python*/site-packages")
    assert [name for name in LARGE if (packages / name).exists()] == []
    # AND a further run installs nothing
    question = subprocess.run(["make", "--question", ".venv/.demo-installed"], cwd=tree, env=os.environ, check=False)  # noqa: S607 - make of PATH
    assert question.returncode == 0

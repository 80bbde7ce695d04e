"""The examples of the clients' READMEs run against a real stack, and are short."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.stack import Stack
from tests.building import ROOT

MAX_LINES = 20
PYTHON = re.findall(r"```python\n(.*?)```", (ROOT / "clients/python/README.md").read_text(), re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("example", PYTHON, ids=["sync", "async"])
def test_a_python_example_works_in_under_20_lines(stack: Stack, example: str, tmp_path: Path) -> None:
    assert len(example.splitlines()) < MAX_LINES
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "clients/python"), "API_URL": stack.url}
    shown = subprocess.run(
        [sys.executable, "-W", "error", "-c", example],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("['")
    assert "left:" not in shown.stdout or "left: 0 because of None" in shown.stdout

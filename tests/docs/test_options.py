"""Each option of a command that is not `nextitem` says what it is; those of `nextitem` have a test of their own."""

import ast
from pathlib import Path

import pytest

from tests.building import ROOT

FOLDERS = ("bench", "devstack", "docsite", "observability", "tests")
COMMANDS = sorted(
    path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if "add_argument" in path.read_text()
)


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_option_has_a_help_text(path: Path) -> None:
    calls = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument"
    ]
    without = [ast.unparse(call) for call in calls if not any(each.arg == "help" for each in call.keywords)]
    assert without == []

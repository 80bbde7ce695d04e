"""SnapStart's hooks; and no environment repeats random numbers of another one from the same snapshot."""

import ast
from pathlib import Path

import pytest
import snapshot_restore_py  # type: ignore[import-untyped]  # it ships no types

from nextitem.aws.snapstart import register

FUNCTIONS = Path(__file__).parents[3] / "functions"
SEEDED = {"random", "numpy.random", "uuid"}
"""Modules whose random numbers are seeded once, or taken from clock and host (uuid): all environments restored from one
snapshot would get the same ones. `secrets` asks the kernel each time."""


class Recorder:
    """Records its calls."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def before_snapshot(self) -> None:
        self.called.append("before")

    def after_restore(self) -> None:
        self.called.append("after")


def test_under_snapstart_lambda_calls_both_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_restore_py, "_before_snapshot_registry", [])
    monkeypatch.setattr(snapshot_restore_py, "_after_restore_registry", [])
    recorder = Recorder()
    register(recorder, {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"})
    for hook, args, kwargs in (*snapshot_restore_py.get_before_snapshot(), *snapshot_restore_py.get_after_restore()):
        hook(*args, **kwargs)
    assert recorder.called == ["before", "after"]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand"},
        {"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"},
    ],
)
def test_without_snapstart_nothing_is_registered(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_restore_py, "_before_snapshot_registry", [])
    monkeypatch.setattr(snapshot_restore_py, "_after_restore_registry", [])
    register(Recorder(), environment)
    assert (snapshot_restore_py.get_before_snapshot(), snapshot_restore_py.get_after_restore()) == ([], [])


@pytest.mark.parametrize("file", sorted(FUNCTIONS.rglob("*.py")), ids=lambda file: file.name)
def test_no_module_uses_random_numbers_that_a_snapshot_would_copy(file: Path) -> None:
    named: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Import(names=names):
                named |= {name.name for name in names}
            case ast.ImportFrom(module=str(module), names=names):
                named |= {module, *(f"{module}.{name.name}" for name in names)}
            case ast.Attribute(value=ast.Name(id="np"), attr="random"):
                named.add("numpy.random")
    assert named & SEEDED == set()

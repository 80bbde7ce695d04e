"""SnapStart's hooks, and that no id could repeat in two environments of one snapshot."""

import ast
from pathlib import Path

import pytest
import snapshot_restore_py  # type: ignore[import-untyped]  # it ships no types

from nextitem.aws.snapstart import register

FUNCTIONS = Path(__file__).parents[3] / "functions"
SEEDED = {"random", "numpy.random", "uuid"}
"""What draws from a generator that was seeded once (or, uuid, may draw from clock and host): all environments that are
restored from one snapshot would go on with the same numbers. `secrets` asks the kernel each time."""


class Noting:
    """Notes what is called."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def before_snapshot(self) -> None:
        self.called.append("before")

    def after_restore(self) -> None:
        self.called.append("after")


def test_under_snapstart_both_verbs_are_lambdas_to_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_restore_py, "_before_snapshot_registry", [])
    monkeypatch.setattr(snapshot_restore_py, "_after_restore_registry", [])
    noting = Noting()
    register(noting, {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"})
    for hook, args, kwargs in (*snapshot_restore_py.get_before_snapshot(), *snapshot_restore_py.get_after_restore()):
        hook(*args, **kwargs)
    assert noting.called == ["before", "after"]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand"},
        {"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"},
    ],
)
def test_elsewhere_nothing_is_registered(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_restore_py, "_before_snapshot_registry", [])
    monkeypatch.setattr(snapshot_restore_py, "_after_restore_registry", [])
    register(Noting(), environment)
    assert (snapshot_restore_py.get_before_snapshot(), snapshot_restore_py.get_after_restore()) == ([], [])


@pytest.mark.parametrize("file", sorted(FUNCTIONS.rglob("*.py")), ids=lambda file: file.name)
def test_nothing_draws_from_a_generator_that_a_snapshot_would_copy(file: Path) -> None:
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

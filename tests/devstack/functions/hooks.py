"""A toy function with SnapStart's hooks; the environment chooses which of them fails."""

import os
from typing import Any

from snapshot_restore_py import (  # type: ignore[import-untyped]  # it ships no types
    register_after_restore,
    register_before_snapshot,
)

calls: list[str] = ["init"]


def before() -> None:
    """Record the call, or fail."""
    _record("before")


def after() -> None:
    """Record the call, or fail."""
    _record("after")


def handler(_event: Any, _context: Any) -> Any:
    """Return the calls so far."""
    return {"pid": os.getpid(), "calls": calls}


def _record(name: str) -> None:
    if os.environ.get("FAILING") == name:
        raise RuntimeError(f"the {name} hook fails")
    calls.append(name)


register_before_snapshot(before)
register_after_restore(after)

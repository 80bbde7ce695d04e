"""A toy function with SnapStart's hooks; the environment chooses which of them fails."""

import os
from typing import Any

from snapshot_restore_py import (  # type: ignore[import-untyped]  # it ships no types
    register_after_restore,
    register_before_snapshot,
)

told: list[str] = ["init"]


def before() -> None:
    """Take note, or fail."""
    _note("before")


def after() -> None:
    """Take note, or fail."""
    _note("after")


def handler(_event: Any, _context: Any) -> Any:
    """Tell what was called so far."""
    return {"pid": os.getpid(), "told": told}


def _note(name: str) -> None:
    if os.environ.get("FAILING") == name:
        raise RuntimeError(f"the {name} hook does not like it")
    told.append(name)


register_before_snapshot(before)
register_after_restore(after)

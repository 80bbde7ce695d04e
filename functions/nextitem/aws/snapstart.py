"""Register hooks for Lambda SnapStart: before a snapshot of the environment is taken, and after it is restored.

The hooks are those of `snapshot_restore_py`, which is part of Lambda's runtime and imported only under SnapStart:
https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
"""

import importlib
import os
from collections.abc import Mapping
from typing import Protocol

HOOKS = "snapshot_restore_py"


class Restorable(Protocol):
    """An object that SnapStart's snapshots contain. If a method raises, Lambda gives the environment up."""

    def before_snapshot(self) -> None:
        """Close connections and forget secrets: all environments restored from the snapshot would share them."""

    def after_restore(self) -> None:
        """Renew state that is out of date: the clock has jumped, connections are dead, the route may have changed."""


def under_snapstart(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether this process runs under SnapStart."""
    return environment.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"


def register(restorable: Restorable, environment: Mapping[str, str] = os.environ) -> None:
    """Let Lambda call the methods of a `Restorable`; do nothing outside SnapStart."""
    if under_snapstart(environment):
        hooks = importlib.import_module(HOOKS)
        hooks.register_before_snapshot(restorable.before_snapshot)
        hooks.register_after_restore(restorable.after_restore)

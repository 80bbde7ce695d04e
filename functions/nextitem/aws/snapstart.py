"""Lambda SnapStart: what an environment does before its snapshot is taken, and when it comes back from it.

The hooks are those of `snapshot_restore_py`, which comes with Lambda's runtime and not with us; outside SnapStart it is
not looked for. https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html. Knows no room.
"""

import importlib
import os
from collections.abc import Mapping
from typing import Protocol

HOOKS = "snapshot_restore_py"


class Restorable(Protocol):
    """What a snapshot is taken of. What its verbs raise, the runtime client reports to Lambda, which gives up then."""

    def before_snapshot(self) -> None:
        """Get ready: whatever is open or secret now is shared by all environments that come from the snapshot."""

    def after_restore(self) -> None:
        """Take up the present again: the clock has leapt, connections are dead, the world may have changed."""


def under_snapstart(environment: Mapping[str, str] = os.environ) -> bool:
    """Say whether a snapshot will be taken of this process, or was."""
    return environment.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"


def register(one: Restorable, environment: Mapping[str, str] = os.environ) -> None:
    """Let Lambda call the verbs of one process's `Restorable`, where it runs under SnapStart."""
    if under_snapstart(environment):
        hooks = importlib.import_module(HOOKS)
        hooks.register_before_snapshot(one.before_snapshot)
        hooks.register_after_restore(one.after_restore)

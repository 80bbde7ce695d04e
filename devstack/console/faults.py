"""Faults of the session store that a visitor of the demo may try: kill it, start it again, slow it down."""

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from devstack.stack import Stack

MAX_PAUSE_MS = 2000


class StoreFault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What shall happen to the store. With `slow` it stops for `pause_ms` again and again; 0 ends that."""

    action: Literal["kill", "start", "slow"]
    pause_ms: Annotated[int, msgspec.Meta(ge=0, le=MAX_PAUSE_MS)] = 0


@dataclass(frozen=True)
class StoreState:
    """Whether the store runs, and how long it stops again and again, in milliseconds."""

    runs: bool
    pause_ms: int


def store_state(stack: Stack) -> StoreState:
    """Return the state of a stack's store."""
    return StoreState(stack.store_runs, stack.store_brake.pause_ms)


def set_store(stack: Stack, fault: StoreFault) -> StoreState:
    """Do something to a stack's store and return its state; to kill a dead one, or start a running one, does nothing.

    Raises:
        StackError: the store does not start.
    """
    if fault.action == "kill" and stack.store_runs:
        stack.kill_store()
    elif fault.action == "start" and not stack.store_runs:
        stack.restart_store()
    elif fault.action == "slow":
        stack.store_brake.press(fault.pause_ms)
    return store_state(stack)

"""How long a function of the loop may still run."""

from collections.abc import Callable
from typing import Protocol


class Context(Protocol):
    """The part of Lambda's context that a function reads."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends the function."""


def is_over_before(context: Context, seconds: float) -> Callable[[], bool]:
    """Return a function that says whether less than so much time is left."""
    return lambda: context.get_remaining_time_in_millis() < seconds * 1000

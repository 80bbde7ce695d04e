"""The time that a request has left, on the monotonic clock. `service.recommender` gives the store its share."""

import time
from collections.abc import Callable

import msgspec


class Deadline(msgspec.Struct, frozen=True):
    """A point in monotonic time, after which the client no longer waits.

    Example:
        ``Deadline.after(0.12).within(0.05).remaining()`` is 0.05 seconds at first.
    """

    at: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> "Deadline":
        """Return the deadline that is `seconds` from now."""
        return cls(clock() + seconds, clock)

    def remaining(self) -> float:
        """Return the seconds left; zero once it has passed."""
        return max(0.0, self.at - self.clock())

    def within(self, seconds: float) -> "Deadline":
        """Return the earlier of this deadline and `seconds` from now."""
        return Deadline(min(self.at, self.clock() + seconds), self.clock)

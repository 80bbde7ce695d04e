"""The time that a request has left, on the monotonic clock. `service.recommender` gives the store its share."""

import time
from collections.abc import Callable

import msgspec


class Deadline(msgspec.Struct):
    """A point in monotonic time, after which the client no longer waits.

    Attributes:
        at: the time.
        clock: the clock.
        reserve: seconds that `use_reserve` adds to it.

    Example:
        ``Deadline.after(0.12).within(0.05).remaining()`` is 0.05 seconds at first.
    """

    at: float
    clock: Callable[[], float] = time.monotonic
    reserve: float = 0.0

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic, *, reserve: float = 0.0) -> "Deadline":
        """Return the deadline that is `seconds` from now."""
        return cls(clock() + seconds, clock, reserve)

    def remaining(self) -> float:
        """Return the seconds left; zero once it has passed."""
        return max(0.0, self.at - self.clock())

    def use_reserve(self) -> None:
        """Move this deadline by its reserve, for something rare that takes long; again does nothing."""
        self.at += self.reserve
        self.reserve = 0.0

    def within(self, seconds: float) -> "Deadline":
        """Return the earlier of this deadline and `seconds` from now, without a reserve."""
        return Deadline(min(self.at, self.clock() + seconds), self.clock)

"""Reproducible random draws: the same key gives the same draws on every Python and every machine.

Python guarantees that ``Random.random()`` never changes for an integer seed, and guarantees it for no other method. So
everything here uses that method and exact arithmetic: C libraries differ in the last bit of logarithms and powers.
"""

import random
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import Generic, TypeVar

T = TypeVar("T")


class Weighted(Generic[T]):
    """Choices with weights; each draw is a binary search."""

    __slots__ = ("_choices", "_cumulative")

    def __init__(self, choices: Iterable[tuple[T, float]]) -> None:
        """Prepare (choice, weight) pairs; at least one, weights positive."""
        pairs = tuple(choices)
        self._choices = tuple(choice for choice, _ in pairs)
        self._cumulative = tuple(accumulate(weight for _, weight in pairs))

    def at(self, part: float) -> T:
        """Return the choice that covers `part` (0 <= part < 1) of the total weight."""
        # A part is at most 1 - 2**-53, and with that the product never rounds up to the total.
        return self._choices[bisect_right(self._cumulative, part * self._cumulative[-1])]


class Chance:
    """A stream of draws that depends on its key only."""

    __slots__ = ("part",)

    def __init__(self, *key: int | str) -> None:
        """Start the stream of `key`; streams of different keys are independent."""
        digest = blake2b("/".join(map(str, key)).encode(), digest_size=16).digest()
        source = random.Random(int.from_bytes(digest, "big"))  # noqa: S311 - simulation, not secrecy
        self.part = source.random
        """Draw a number, 0 <= number < 1."""

    def happens(self, probability: float) -> bool:
        """Draw whether an event of this probability happens."""
        return self.part() < probability

    def one_of(self, choices: Sequence[T]) -> T:
        """Draw one of `choices`, all equally likely."""
        return choices[int(self.part() * len(choices))]

    def weighted(self, choices: Weighted[T]) -> T:
        """Draw one of `choices` by its weight."""
        return choices.at(self.part())

    def shuffled(self, choices: Iterable[T]) -> list[T]:
        """Return `choices` in random order (Fisher-Yates)."""
        order = list(choices)
        for last in range(len(order) - 1, 0, -1):
            other = int(self.part() * (last + 1))
            order[last], order[other] = order[other], order[last]
        return order

    def quantile(self, table: Sequence[float]) -> float:
        """Draw from a distribution given by its evenly spaced quantiles, linear in between.

        Args:
            table: smallest value, then the quantiles, then the largest; at least two, ascending.
        """
        place = self.part() * (len(table) - 1)
        below = int(place)
        return table[below] + (table[below + 1] - table[below]) * (place - below)

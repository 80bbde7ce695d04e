"""Deadlines."""

from hypothesis import given
from hypothesis import strategies as st

from nextitem.deadline import Deadline
from tests.nextitem.parts import STEADY


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_remaining_falls_to_zero_and_stays_there() -> None:
    clock = Clock()
    deadline = Deadline.after(2.0, clock)
    left = []
    for now in (100.0, 101.5, 102.0, 500.0):
        clock.now = now
        left.append(deadline.remaining())
    assert left == [2.0, 0.5, 0.0, 0.0]


@STEADY
@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 60))
def test_within_returns_the_earlier_deadline(seconds: int, shorter: int, passed: int) -> None:
    clock = Clock()
    deadline = Deadline.after(seconds, clock)
    clock.now += passed

    assert deadline.within(shorter).remaining() == min(shorter, max(0, seconds - passed))
    assert deadline.remaining() == max(0, seconds - passed)


def test_the_reserve_is_added_once_and_is_not_inherited() -> None:
    clock = Clock()
    deadline = Deadline.after(2.0, clock, reserve=3.0)
    assert deadline.within(10).remaining() == deadline.remaining() == 2.0

    deadline.use_reserve()
    deadline.use_reserve()
    assert deadline.remaining() == 5.0
    earlier = deadline.within(1)
    earlier.use_reserve()
    assert earlier.remaining() == 1.0


def test_the_monotonic_clock_is_the_default() -> None:
    assert 0 < Deadline.after(1000).remaining() <= 1000
    assert Deadline.after(0).remaining() == 0

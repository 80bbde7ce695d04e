"""The phases of a long work, and an estimate of the time that they still take."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from model_export.interruption import raise_if_stopped


@dataclass(frozen=True)
class Phase:
    """A phase of the work.

    Attributes:
        name: for the user; each phase has another one.
        units: maximum number of steps, such as batches or sessions.
        kind: phases of one kind take the same time a step; "" for one of its own.
    """

    name: str
    units: int
    kind: str = ""

    @property
    def pace(self) -> str:
        """The key of the time that a step takes."""
        return self.kind or self.name


class Progress(Protocol):
    """Follows a work that knows its phases."""

    def plan(self, phases: Sequence[Phase]) -> None:
        """Receive the phases that are still to come, and the current one; the earlier ones are over."""

    def step(self, phase: str, done: int) -> None:
        """Receive the number of steps of a phase that are done."""


class Work(Progress, Protocol):
    """Follows a work that has phases of unknown length, too."""

    def begin(self, text: str) -> None:
        """Receive the name of a phase of unknown length."""


class Unwatched:
    """A `Work` without a follower. Steps end with `Stopped` after a signal."""

    def begin(self, text: str) -> None:  # noqa: ARG002 - part of `Work`
        """See `Work`."""
        raise_if_stopped()

    def plan(self, phases: Sequence[Phase]) -> None:
        """See `Progress`."""

    def step(self, phase: str, done: int) -> None:  # noqa: ARG002 - part of `Progress`
        """See `Progress`."""
        raise_if_stopped()


class Left(NamedTuple):
    """The rest of the work: its seconds, and the kinds of phases that no step has been measured for yet."""

    seconds: float
    unmeasured: tuple[str, ...]


class Estimate:
    """Measures the steps of each kind, and estimates the rest. It implements `Progress`.

    Args:
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._phases: tuple[Phase, ...] = ()
        self._done: defaultdict[str, int] = defaultdict(int)
        self._steps: defaultdict[str, int] = defaultdict(int)
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._begun: set[str] = set()
        self._last = clock()

    def plan(self, phases: Sequence[Phase]) -> None:
        """See `Progress`."""
        self._phases = tuple(phases)

    def step(self, phase: str, done: int) -> None:
        """See `Progress`. The time since the step before counts, so it includes what lies between two steps.

        The first step of a kind is not measured: libraries load and warm up in it, for ten times as long as a step.
        """
        now = self._clock()
        pace = next((known.pace for known in self._phases if known.name == phase), phase)
        if pace in self._begun:
            self._steps[pace] += done - self._done[phase]
            self._seconds[pace] += now - self._last
        self._begun.add(pace)
        self._done[phase] = done
        self._last = now

    def units(self, phase: str) -> int | None:
        """Return the steps of a phase; None if it is not in the plan."""
        return next((known.units for known in self._phases if known.name == phase), None)

    def left(self) -> Left:
        """Return the rest of all phases."""
        rest = [(phase, phase.units - self._done[phase.name]) for phase in self._phases]
        seconds = sum(
            units * self._seconds[phase.pace] / self._steps[phase.pace]
            for phase, units in rest
            if units > 0 and self._steps[phase.pace] > 0
        )
        unmeasured = (phase.pace for phase, units in rest if units > 0 and not self._steps[phase.pace])
        return Left(seconds, tuple(dict.fromkeys(unmeasured)))

"""Find the highest rate at which a server holds its bound."""

from collections.abc import Callable

from bench.load.figures import StepFigures

P99_MS = 50.0
"""The bound of ETUDE (ICDE 2024) for a recommendation in a session."""
ACHIEVED_SHARE = 0.95
GROWTH = 1.5
HALVINGS = 3
"""Rates that are tried between the last one that held and the first one that did not."""

Measure = Callable[[float], StepFigures]


def holds(figures: StepFigures) -> bool:
    """Return whether a step was within the bound: p99, no error, and no growing queue."""
    return figures.p99_ms <= P99_MS and not figures.errors and figures.achieved >= ACHIEVED_SHARE * figures.offered


def find_knee(measure: Measure, first: float, most_steps: int) -> list[StepFigures]:
    """Measure growing rates until one does not hold, then rates between it and the last one that did.

    A rate that does not hold is measured once more: other work on the machine may have disturbed it.

    Args:
        measure: sends one step at a rate (per second).
        first: the first rate; it is halved while it does not hold.
        most_steps: maximum number of rates.

    Returns:
        The figures of all rates in the order of measurement; of a rate that was measured twice, the better ones.
    """
    steps: list[StepFigures] = []

    def does_hold(rate: float) -> bool:
        figures = measure(rate)
        if not holds(figures):
            figures = min(figures, measure(rate), key=lambda each: (not holds(each), each.p99_ms))
        steps.append(figures)
        return holds(figures)

    low, high, rate = 0.0, 0.0, first
    while len(steps) < most_steps and not (low and high):
        if does_hold(rate):
            low, rate = rate, rate * GROWTH
        else:
            high, rate = rate, rate / 2
    for _ in range(min(HALVINGS, most_steps - len(steps)) if low and high else 0):
        middle = (low + high) / 2
        low, high = (middle, high) if does_hold(middle) else (low, middle)
    return steps


def knee_of(steps: list[StepFigures]) -> StepFigures | None:
    """Return the highest rate that held, or None."""
    return max(filter(holds, steps), key=lambda each: each.rate, default=None)

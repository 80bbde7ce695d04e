"""The search for the highest rate that a server holds."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.load.figures import StepFigures
from bench.serve.knee import GROWTH, HALVINGS, P99_MS, find_knee, holds, knee_of

CALM = StepFigures(
    rate=100.0,
    offered=100.0,
    achieved=100.0,
    requests=800,
    p50_ms=1.0,
    p95_ms=2.0,
    p99_ms=5.0,
    p999_ms=6.0,
    max_ms=7.0,
    errors=0,
    served_by={},
    sent_late_ms=0.0,
    saturation="",
)


def at(rate: float, limit: float) -> StepFigures:
    """The figures of a server that holds up to a limit."""
    return replace(CALM, rate=rate, offered=rate, achieved=rate, p99_ms=5.0 if rate <= limit else 500.0)


@pytest.mark.parametrize(
    "worse",
    [
        replace(CALM, p99_ms=P99_MS + 0.1),
        replace(CALM, errors=1),
        replace(CALM, achieved=94.0),
    ],
)
def test_a_step_holds_with_low_latency_no_error_and_all_answers(worse: StepFigures) -> None:
    assert holds(CALM)
    assert holds(replace(CALM, p99_ms=P99_MS))
    assert not holds(worse)


@given(st.floats(20, 5000))
def test_the_knee_is_close_to_the_limit_and_not_above(limit: float) -> None:
    steps = find_knee(lambda rate: at(rate, limit), 40.0, 30)

    knee = knee_of(steps)
    assert knee is not None
    assert limit / (1 + 1 / 2**HALVINGS) <= knee.rate <= limit
    assert max(step.rate for step in steps) <= max(40.0, limit * GROWTH)


def test_a_server_that_holds_no_rate_has_no_knee() -> None:
    steps = find_knee(lambda rate: at(rate, 0.0), 40.0, 6)

    assert knee_of(steps) is None
    assert [step.rate for step in steps] == [40 / 2**halvings for halvings in range(6)]


def test_a_rate_that_was_disturbed_once_is_measured_again() -> None:
    measured: list[float] = []

    def measure(rate: float) -> StepFigures:
        measured.append(rate)
        return at(rate, 0.0 if measured.count(rate) == 1 else 100.0)

    knee = knee_of(find_knee(measure, 40.0, 20))

    assert knee is not None
    assert knee.rate >= 90.0
    assert measured[:2] == [40.0, 40.0]


def test_no_more_rates_are_measured_than_allowed() -> None:
    assert len(find_knee(lambda rate: at(rate, 1e9), 40.0, 4)) == 4
    assert len(find_knee(lambda rate: at(rate, 70.0), 40.0, 3)) == 3

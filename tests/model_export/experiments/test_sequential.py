"""Intervals of a comparison: by hand, and what no order of sessions and no change of shares may alter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from model_export.experiments.sequential import ArmSums, Intervals, difference, relative_difference

Floats = NDArray[np.float64]


def sums(*looks: list[float]) -> ArmSums:
    """Return the sums of an arm from its outcomes by look."""
    columns = [(len(look), sum(look), sum(value**2 for value in look)) for look in looks]
    return ArmSums(*np.array(columns, np.float64).T)


def binary(sessions: list[int], hits: list[int]) -> ArmSums:
    counts = np.array(hits, np.float64)
    return ArmSums(np.array(sessions, np.float64), counts, counts)


def last(intervals: Intervals) -> tuple[float, float, float]:
    value, low, high = (float(column[-1]) for column in intervals)
    return value, low, high


LOOK = st.tuples(st.lists(st.floats(0, 1), max_size=6), st.lists(st.floats(0, 1), max_size=6))
LOOKS = st.lists(LOOK, min_size=1, max_size=8)


def test_an_interval_by_hand() -> None:
    # GIVEN one look with 100 sessions an arm, 40 and 60 hits, planned for these 200 sessions
    champion, challenger = binary([100], [40]), binary([100], [60])
    # WHEN the difference is estimated
    value, low, high = last(difference(champion, challenger, planned_sessions=200))
    # THEN its half width is Robbins' boundary by hand: weight 50, variance of the sum 200 * .25 / 4 * 200 / 199
    mixture = 50 / (2 * np.log(20) + np.log(1 + 2 * np.log(20)))
    boundary = np.sqrt((50 + mixture) * np.log((50 + mixture) / (mixture * 0.05**2)))
    deviation = np.sqrt(200 * 0.25 / 4 * 200 / 199 / 50)
    assert value == pytest.approx(0.2)
    assert (high - low) / 2 == pytest.approx(boundary * deviation / 50)
    # AND relative to the champion's .4 it is a gain of a half
    value, low, high = last(relative_difference(champion, challenger, planned_sessions=200))
    assert value == pytest.approx(0.5)
    assert low < 0.5 < high
    assert high - 0.5 > 0.5 - low  # a ratio is less certain upwards


def test_the_interval_is_wider_than_that_of_a_single_look() -> None:
    champion, challenger = binary([10_000], [4_000]), binary([10_000], [4_000])
    _, low, high = last(difference(champion, challenger))
    single = 1.96 * np.sqrt(2 * 0.24 / 10_000)
    assert single * 1.5 < high < single * 2
    assert low == -high


def test_a_base_rate_that_changes_with_the_shares_does_not_bias() -> None:
    # GIVEN equal arms whose rate falls from .8 to .2 while the challenger's share rises from 1 % to 50 %
    champion, challenger = binary([9_900, 5_000], [7_920, 1_000]), binary([100, 5_000], [80, 1_000])
    means = [arm.outcomes.sum() / arm.sessions.sum() for arm in (champion, challenger)]
    assert means[1] < means[0] / 2  # by the plain means the challenger loses more than half
    # WHEN they are compared THEN there is no difference
    for intervals in (difference(champion, challenger), relative_difference(champion, challenger)):
        value, low, high = last(intervals)
        assert value == pytest.approx(0.0, abs=1e-12)
        assert low < 0 < high


def test_a_small_arm_without_a_rare_outcome_has_no_narrow_interval() -> None:
    # GIVEN 100 conversions in 20,000 sessions, and none in 200, where one would be usual
    champion, challenger = binary([20_000], [100]), binary([200], [0])
    # WHEN they are compared THEN the variance is not that of the zeros, whose interval would exclude 0
    _, low, high = last(difference(champion, challenger, planned_sessions=1_000))
    assert low < 0 < high


@pytest.mark.parametrize(
    ("champion", "challenger"),
    [
        (binary([0], [0]), binary([3], [1])),
        (binary([3], [1]), binary([0], [0])),
        (binary([3, 0], [1, 0]), binary([0, 3], [0, 1])),
        (binary([50], [50]), binary([50], [50])),
        (binary([50], [0]), binary([50], [0])),
    ],
    ids=["no champion", "no challenger", "never in one look", "all hits", "no hits"],
)
def test_nothing_is_known_from_sessions_that_say_nothing(champion: ArmSums, challenger: ArmSums) -> None:
    for intervals in (difference(champion, challenger), relative_difference(champion, challenger)):
        value, low, high = last(intervals)
        assert np.isnan(value)
        assert (low, high) == (-np.inf, np.inf)


def test_a_relative_difference_is_unbounded_while_the_champion_may_have_no_hit() -> None:
    champion, challenger = binary([50], [1]), binary([50], [3])
    assert np.isfinite(difference(champion, challenger).high).all()
    assert last(relative_difference(champion, challenger))[1:] == (-np.inf, np.inf)


@given(looks=LOOKS)
@pytest.mark.slow
def test_intervals_contain_their_value_and_agree_on_zero(looks: list[tuple[list[float], list[float]]]) -> None:
    champion, challenger = sums(*(look[0] for look in looks)), sums(*(look[1] for look in looks))
    absolute = difference(champion, challenger, planned_sessions=10)
    relative = relative_difference(champion, challenger, planned_sessions=10)
    for intervals in (absolute, relative):
        known = np.isfinite(intervals.low)
        assert (np.isnan(intervals.value) == ~known).all()
        assert (intervals.low[known] <= intervals.value[known]).all()
        assert (intervals.value[known] <= intervals.high[known]).all()
    # The relative interval excludes 0 only where the absolute one does, up to rounding
    clear = np.isfinite(relative.low) & (np.minimum(abs(absolute.low), abs(absolute.high)) > 1e-6)
    excluded = [(intervals.low > 0) | (intervals.high < 0) for intervals in (absolute, relative)]
    assert (excluded[0][clear] == excluded[1][clear]).all()


@given(looks=LOOKS)
@pytest.mark.slow
def test_exchanged_arms_exchange_the_bounds(looks: list[tuple[list[float], list[float]]]) -> None:
    champion, challenger = sums(*(look[0] for look in looks)), sums(*(look[1] for look in looks))
    forward, backward = difference(champion, challenger), difference(challenger, champion)
    assert forward.low == pytest.approx(-backward.high)
    assert forward.high == pytest.approx(-backward.low)


def test_experiments_are_rows_that_do_not_see_each_other() -> None:
    # GIVEN three experiments of two looks in one array
    rng = np.random.default_rng(1)
    hits = rng.integers(10, 40, (2, 3, 2)).astype(np.float64)
    arms = [ArmSums(np.full((3, 2), 50.0), hits[arm], hits[arm]) for arm in (0, 1)]
    together = relative_difference(*arms)
    # WHEN one is estimated alone THEN it is the same
    alone = relative_difference(*(ArmSums(*(column[1] for column in arm)) for arm in arms))
    for column, expected in zip(together, alone, strict=True):
        np.testing.assert_array_equal(column[1], expected)

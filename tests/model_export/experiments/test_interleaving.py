"""Preferences of interleaved sessions: by hand, and the bounds of their decisions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.experiments.decide import Rules, State, decide
from model_export.experiments.interleaving import credit_shares, preference, relative_preference
from model_export.experiments.sequential import LEVEL, PLANNED_SESSIONS, ArmSums, mean
from tests.model_export.experiments.test_sequential import last, sums
from tests.nextitem.parts import STEADY

SETTINGS = {"level": LEVEL, "planned_sessions": float(PLANNED_SESSIONS)}
SHARE = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
LOOKS = st.lists(st.lists(SHARE, max_size=30), min_size=1, max_size=5)


def test_credits_are_chosen_items_by_their_team() -> None:
    session = np.array(["b", "a", "b", "a", "b", "c", "d"])
    team = np.array(["champion", "challenger", "challenger", "champion", "challenger", "champion", ""])
    credited = np.array([True, True, True, False, True, False, True])
    # Sessions c and d have no credit: nothing of a team was chosen
    assert credit_shares(session, team, credited).tolist() == [1.0, pytest.approx(2 / 3)]
    assert credit_shares(session[:0], team[:0], credited[:0]).tolist() == []


def test_an_interval_by_hand() -> None:
    # GIVEN 100 interleaved sessions, 60 of which chose only items of the challenger, 40 only others, planned for 100
    shares = sums([1.0] * 60 + [0.0] * 40)
    # THEN the preference is .2, and its half width Robbins' boundary for the mean of 100 numbers of -1 or 1
    value, low, high = last(preference(shares, level=0.95, planned_sessions=100.0))
    mixture = 100 / (2 * np.log(20) + np.log(1 + 2 * np.log(20)))
    bound = (100 + mixture) / 100 * np.log((100 + mixture) / (mixture * 0.05**2))
    variance = (1 - 0.2**2) * 100 / 99
    assert value == pytest.approx(0.2)
    assert (high - low) / 2 == pytest.approx(np.sqrt(bound * variance / 100))
    # AND the challenger has half as many credits again
    value, low, high = last(relative_preference(shares, level=0.95, planned_sessions=100.0))
    assert value == pytest.approx(0.5)
    assert low < 0 < high


@STEADY
@given(looks=LOOKS)
def test_a_preference_follows_from_the_sessions_alone(looks: list[list[float]]) -> None:
    absolute = preference(sums(*looks), **SETTINGS)
    relative = relative_preference(sums(*looks), **SETTINGS)
    # All sessions at one look say at the end what they say in parts
    together = preference(sums([share for look in looks for share in look]), **SETTINGS)
    assert last(together) == pytest.approx(last(absolute), nan_ok=True)
    # The challenger's loss is the champion's gain
    swapped = preference(sums(*[[1 - share for share in look] for look in looks]), **SETTINGS)
    value, low, high = last(absolute)
    assert last(swapped) == pytest.approx((-value, -high, -low), nan_ok=True)
    # Both scales exclude zero at the same looks, and bounds are in order
    for scale in (absolute, relative):
        known = np.isfinite(scale.value)
        assert (scale.low[known] <= scale.value[known]).all()
        assert (scale.value[known] <= scale.high[known]).all()
    assert ((absolute.low > 0) == (relative.low > 0)).all()
    assert ((absolute.high < 0) == (relative.high < 0)).all()
    assert (relative.low[np.isfinite(relative.low)] >= -1).all()


def test_no_sessions_and_equal_sessions_say_nothing() -> None:
    for shares in (sums([]), sums([0.5, 0.5, 0.5]), sums([1.0])):
        value, low, high = last(mean(shares))
        assert np.isnan(value)
        assert (low, high) == (-np.inf, np.inf)
        assert last(relative_preference(shares, **SETTINGS))[1:] == (-np.inf, np.inf)


def test_a_preference_decides() -> None:
    rules = Rules(metric="preference", steps=(0.5,), minimum_sessions=100)
    for wanted, share in (("promote", 0.7), ("rollback", 0.3), ("continue", 0.5)):
        chosen = [1.0] * round(1_000 * share) + [0.0] * round(1_000 * (1 - share))
        challenger, champion = sums(chosen), sums([1 - each for each in chosen])
        decision = decide(State("e", "v1", "v2", 0.5), rules, champion, challenger, (), {})
        assert decision.action == wanted
        assert decision.difference.value == pytest.approx(2 * share - 1)
        assert decision.challenger.mean == pytest.approx(share)
        assert decision.champion.mean == pytest.approx(1 - share)
    few = ArmSums(*(column / 20 for column in sums([1.0] * 90 + [0.0] * 10)))
    assert decide(State("e", "v1", "v2", 0.5), rules, few, few, (), {}).action == "continue"

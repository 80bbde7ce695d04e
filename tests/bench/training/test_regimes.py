"""Each regime has its habit, and the same seed gives the same shop."""

from dataclasses import replace

import numpy as np
import pytest

from bench.training.minutes import measure
from bench.training.regimes import REGIMES, Regime, sessions_of, simulated_sessions
from model_export.data.sessions import Sessions
from model_export.training.config import FitConfig

SMALL = Regime(800, 400)


def returns(sessions: Sessions) -> float:
    """The share of next items that the session has already."""
    came = total = 0
    for number in range(len(sessions)):
        session = sessions.session(number).tolist()
        came += sum(item in session[:at] for at, item in enumerate(session) if at)
        total += len(session) - 1
    return came / total


def test_a_regime_repeats() -> None:
    assert sessions_of(SMALL).digest == sessions_of(SMALL).digest
    assert sessions_of(SMALL).digest != sessions_of(SMALL, seed=12).digest


def test_visitors_return_as_often_as_the_regime_says() -> None:
    often, never = (sessions_of(replace(SMALL, returns=chance)) for chance in (0.5, 0.0))
    assert returns(often) > 2 * returns(never) > 0.0


def test_sessions_are_as_long_and_the_tail_as_flat_as_the_regime_says() -> None:
    short, long = (sessions_of(replace(SMALL, length=length)) for length in (2.4, 8.0))
    assert 2 * short.lengths.mean() < long.lengths.mean()
    steep, flat = (sessions_of(replace(SMALL, tail=tail)) for tail in (1.2, 0.2))
    top = [np.sort(np.bincount(each.codes))[::-1][:20].sum() / len(each.codes) for each in (steep, flat)]
    assert top[0] > 2 * top[1]


@pytest.mark.slow
def test_no_session_has_an_item_twice_in_a_row() -> None:
    sessions = sessions_of(REGIMES["short sessions"])
    same = np.diff(sessions.codes) == 0
    same[sessions.offsets[1:-1] - 1] = False
    assert not same.any()


@pytest.mark.slow
def test_the_time_of_a_training_is_measured_beside_what_is_expected() -> None:
    result = measure(simulated_sessions(300, 100), FitConfig(epochs=1, networks=1, hidden=16))
    assert (result.networks, result.epochs, result.loss) == (1, 1, "softmax")
    assert 0 < result.expected < 1
    assert 0 < result.taken < 5
    assert result.gib > 0.1

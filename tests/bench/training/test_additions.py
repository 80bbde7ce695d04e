"""An addition to the ranking is weighed by what it knows, and cannot spoil the blend."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.training.additions import Addition, Floats, Linear, Measured, OtherVector, Times, dwell_time, with_addition
from model_export.memory.blend import UNSEEN
from model_export.training.blend_targets import BlendTargets, Target
from model_export.training.network import Network, NetworkConfig
from tests.model_export.tiny import cycle

TARGETS, CANDIDATES = 200, 60
NO_TIMES = np.empty(0)


@pytest.fixture
def measured() -> Measured:
    """Targets that neither network nor memory predicts."""
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(TARGETS, CANDIDATES)).astype(np.float32)
    votes = rng.random((TARGETS, CANDIDATES)).astype(np.float32)
    ages = np.full((TARGETS, CANDIDATES), UNSEEN)
    ages[:, 0] = 0
    places, events = rng.integers(1, CANDIDATES, TARGETS), np.ones(TARGETS, np.int64)
    level = float(np.log(np.exp(scores).sum(axis=1)).mean())
    each = [
        Target(np.arange(CANDIDATES), scores[row], votes[row], ages[row], int(places[row]), 1, level)
        for row in range(TARGETS)
    ]
    sessions = [(np.array([0], np.int32), np.zeros(1))] * TARGETS
    return Measured(BlendTargets(scores, votes, ages, places, events, level), each, sessions)


def oracle(scale: float) -> Addition:
    def addition(target: Target, _so_far: NDArray[np.int32], _times: Times) -> Floats:
        return np.where(np.arange(CANDIDATES) == target.place, 0.0, -scale).astype(np.float32)

    return addition


@pytest.mark.parametrize("scale", [1.0, 13.8, 70.0])
def test_an_addition_that_knows_the_target_decides(measured: Measured, scale: float) -> None:
    assert with_addition(measured, None).mrr < 0.2
    assert with_addition(measured, oracle(scale)).mrr > 0.9


@pytest.mark.parametrize("spread", [1.0, 200.0])
def test_an_addition_of_noise_changes_little(measured: Measured, spread: float) -> None:
    noise = np.random.default_rng(2).normal(scale=spread, size=CANDIDATES).astype(np.float32)
    alone, both = with_addition(measured, None), with_addition(measured, lambda _target, _so_far, _times: noise)
    assert both.mrr == pytest.approx(alone.mrr, abs=0.06)


def test_linear_scores_learn_what_follows() -> None:
    sessions = cycle(items=8, sessions=64)
    linear = Linear(sessions)
    candidates = np.arange(8)
    for item in range(8):
        nothing = np.zeros(8, np.float32)
        target = Target(candidates, nothing, nothing, np.full(8, UNSEEN), 0, 1, 0.0)
        scores = linear(target, np.array([item], np.int32), NO_TIMES)
        after = sessions.catalogue[int(scores.argmax())]
        assert int(after.rpartition("-")[2]) == (int(sessions.catalogue[item].rpartition("-")[2]) + 1) % 8


def test_another_vector_scores_by_another_state() -> None:
    network = Network(NetworkConfig(8, 16))
    nothing = np.zeros(8, np.float32)
    target = Target(np.arange(8), nothing, nothing, np.full(8, UNSEEN), 0, 3, 2.0)
    newest, earlier = (OtherVector(network, newest_alone=each) for each in (True, False))
    so_far = np.array([1, 2, 3], np.int32)
    assert np.array_equal(newest(target, so_far, NO_TIMES), newest(target, np.array([3], np.int32), NO_TIMES))
    assert np.array_equal(earlier(target, so_far, NO_TIMES), earlier(target, np.array([1, 2, 7], np.int32), NO_TIMES))
    assert not np.array_equal(newest(target, so_far, NO_TIMES), earlier(target, so_far, NO_TIMES))


def test_dwell_time_is_that_of_the_longest_look_and_unknown_for_the_newest_item() -> None:
    nothing = np.zeros(4, np.float32)
    target = Target(np.array([2, 5, 7, 9]), nothing, nothing, np.full(4, UNSEEN), 0, 4, 0.0)
    looked = dwell_time(target, np.array([5, 2, 5, 9], np.int32), np.array([0.0, 3.0, 10.0, 10.0 + np.e**3 - 1]))
    assert np.allclose(looked, [np.log1p(7.0), 3.0, 0.0, 0.0])

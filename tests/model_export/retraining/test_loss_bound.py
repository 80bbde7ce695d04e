"""The gate's bound lets a version that loses too much pass as rarely as it says, however few sessions judge it."""

import numpy as np
import pytest

from model_export.metrics.bootstrap import SessionBootstrap, estimates
from model_export.retraining.loss_bound import Floats, lowest_changes
from model_export.retraining.rules import GateRules

LOSS, RATE = GateRules().max_loss, 0.4
ACCEPTED = 0.025
"""The lower end of a 95 % interval is above the truth in so many cases."""
DRAWS, GATES = 300, 300
Owners = np.ndarray[tuple[int], np.dtype[np.int64]]


def judged(rng: np.random.Generator, sessions: int, loss: float, clustered: bool) -> tuple[Owners, Floats, Floats]:
    """Return targets, and the hits of a new version and of the live one, of which it loses a share.

    Clustered, it loses all hits of some sessions; else single hits.
    """
    targets = rng.geometric(1 / 3, sessions)
    owners = np.repeat(np.arange(sessions), targets)
    live = rng.random(len(owners)) < rng.beta(4 * RATE, 4 * (1 - RATE), sessions)[owners]
    kept = (rng.random(sessions)[owners] if clustered else rng.random(len(owners))) >= loss
    return owners, (live & kept).astype(np.float64)[:, None], live.astype(np.float64)[:, None]


@pytest.mark.slow
@pytest.mark.parametrize("clustered", [False, True], ids=["single hits", "whole sessions"])
@pytest.mark.parametrize("sessions", [50, 200])
def test_a_version_that_loses_five_percent_passes_as_rarely_as_the_interval_says(
    sessions: int, clustered: bool
) -> None:
    rng = np.random.default_rng(1)
    passed = plain = 0
    for _ in range(GATES):
        owners, new, live = judged(rng, sessions, LOSS, clustered)
        passed += lowest_changes(owners, sessions, new, live, draws=DRAWS)[0] >= -LOSS * live.mean()
        interval = estimates(*SessionBootstrap(owners, sessions, draws=DRAWS).means(new - live))[0]
        plain += interval.low >= -LOSS * live.mean()
    assert passed <= ACCEPTED * GATES
    if sessions == GateRules().min_judged_sessions:
        assert plain > 2 * ACCEPTED * GATES  # the interval alone promises too much on few sessions


@pytest.mark.parametrize("clustered", [False, True])
def test_a_version_that_answers_alike_passes_on_two_hundred_sessions(clustered: bool) -> None:
    owners, new, live = judged(np.random.default_rng(2), 200, 0.0, clustered)
    assert lowest_changes(owners, 200, new, live)[0] >= -LOSS * live.mean()


def test_the_lost_session_fades() -> None:
    lows = []
    for sessions in (50, 5_000):
        owners, new, live = judged(np.random.default_rng(3), sessions, 0.0, clustered=False)
        lows.append(lowest_changes(owners, sessions, new, live, draws=DRAWS)[0] / live.mean())
    assert -0.3 < lows[0] < -0.05
    assert -0.003 < lows[1] < 0


def test_draws_without_a_target_do_not_count() -> None:
    # GIVEN sessions of which few have a target: those of a route that leaves out seen items
    owners, live = np.array([3, 17]), np.array([[1.0], [1.0]])
    new = np.array([[1.0], [0.0]])
    # WHEN they are bounded THEN the bound is a number, which a verdict can hold
    assert lowest_changes(owners, 40, new, live)[0] == -1

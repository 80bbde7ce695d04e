"""The session bootstrap: what its intervals are, that they are paired, and that they hold what they promise."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.metrics import bootstrap
from model_export.metrics.bootstrap import Estimate, SessionBootstrap, estimates

OWNERS = st.lists(st.integers(1, 4), min_size=2, max_size=12).map(lambda sizes: np.repeat(np.arange(len(sizes)), sizes))


@settings(deadline=None)
@given(owners=OWNERS, data=st.data())
def test_each_draw_is_of_whole_sessions(
    owners: np.ndarray[tuple[int], np.dtype[np.int64]], data: st.DataObject
) -> None:
    # GIVEN targets that tell their session, some of which count
    sessions = int(owners.max()) + 1
    within = np.array(data.draw(st.lists(st.booleans(), min_size=len(owners), max_size=len(owners))))
    within[0] = True
    values = np.stack((owners, np.ones(len(owners))), axis=1).astype(np.float64)
    # WHEN means are drawn
    session_bootstrap = SessionBootstrap(owners, sessions, draws=40)
    means, draws = session_bootstrap.means(values, within)
    # THEN they are those of the same sessions, drawn one by one
    rng = np.random.default_rng(bootstrap.SEED)
    for draw in draws:
        drawn = rng.integers(0, sessions, sessions)
        targets = [target for session in drawn for target in np.flatnonzero((owners == session) & within)]
        if targets:
            assert draw.tolist() == pytest.approx(values[targets].mean(axis=0).tolist())
        else:
            assert np.isnan(draw).all()
    assert means.tolist() == pytest.approx(values[within].mean(axis=0).tolist())


def test_the_draws_do_not_depend_on_how_many_are_in_memory() -> None:
    # GIVEN targets WHEN they are drawn all at once, and one at a time
    owners = np.repeat(np.arange(5), 3)
    values = np.random.default_rng(1).random((15, 2))
    at_once = SessionBootstrap(owners, 5, draws=30).means(values)[1]
    with mock.patch.object(bootstrap, "_CELLS", 5):
        singly = SessionBootstrap(owners, 5, draws=30).means(values)[1]
    # THEN the draws are the same
    assert at_once == pytest.approx(singly)


def test_a_paired_difference_is_surer_than_its_parts() -> None:
    # GIVEN two rankers of which one is always a little better, in sessions that differ much
    rng = np.random.default_rng(2)
    worse = rng.random(200)
    values = np.stack((worse + 0.01, worse), axis=1)
    # WHEN means and their difference are drawn
    means, draws = SessionBootstrap(np.arange(200), 200).means(values)
    [better, _] = estimates(means, draws)
    [difference] = estimates(means[:1] - means[1:], draws[:, :1] - draws[:, 1:])
    # THEN the intervals of the means are wide, and that of the difference is all but a point
    assert better.high - better.low > 0.05
    assert difference == pytest.approx(Estimate(0.01, 0.01, 0.01))


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    # GIVEN a hit rate of .3 for each session's own chance, around which its targets cluster
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        chance = rng.beta(3, 7, 80)
        owners = np.repeat(np.arange(80), 5)
        hits = (rng.random(400) < chance[owners]).astype(np.float64)
        # WHEN the interval is found, again and again
        [one] = estimates(*SessionBootstrap(owners, 80, draws=300).means(hits[:, None]))
        held += one.low <= 0.3 <= one.high
    # THEN about 95 % of the intervals hold it: 180 is more than four standard deviations below
    assert 176 <= held <= 200


def test_the_middle_of_the_draws_is_the_interval() -> None:
    # GIVEN draws of 0 to 100, and some of nothing
    draws = np.array([*range(101), np.nan, np.nan])[:, None]
    # WHEN their interval is found THEN it leaves 2.5 % out on either side
    [found] = estimates(np.array([50.0]), draws)
    assert found == pytest.approx(Estimate(50.0, 2.5, 97.5))

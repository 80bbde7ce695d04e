"""The session bootstrap: its draws, paired differences, and the coverage of its intervals."""

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
@pytest.mark.slow
def test_each_draw_takes_whole_sessions(
    owners: np.ndarray[tuple[int], np.dtype[np.int64]], data: st.DataObject
) -> None:
    # GIVEN targets with the values of their session and 1, some of which count
    sessions = int(owners.max()) + 1
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=len(owners), max_size=len(owners))))
    chosen[0] = True
    values = np.stack((owners, np.ones(len(owners))), axis=1).astype(np.float64)
    # WHEN means are drawn, a few draws at a time
    with mock.patch.object(bootstrap, "_MAX_CELLS", 5):
        means, draws = SessionBootstrap(owners, sessions, draws=40).means(values, chosen)
    # THEN they are the means of the same sessions, drawn one by one
    rng = np.random.default_rng(bootstrap.SEED)
    for draw in draws:
        drawn = rng.integers(0, sessions, sessions)
        targets = [target for session in drawn for target in np.flatnonzero((owners == session) & chosen)]
        if targets:
            assert draw.tolist() == pytest.approx(values[targets].mean(axis=0).tolist())
        else:
            assert np.isnan(draw).all()
    assert means.tolist() == pytest.approx(values[chosen].mean(axis=0).tolist())


def test_the_interval_of_a_paired_difference_is_narrow() -> None:
    # GIVEN two rankers, one always a little better, in sessions that differ much
    rng = np.random.default_rng(2)
    worse = rng.random(200)
    values = np.stack((worse + 0.01, worse), axis=1)
    # WHEN means and their difference are estimated
    means, draws = SessionBootstrap(np.arange(200), 200).means(values)
    [better, _] = estimates(means, draws)
    [difference] = estimates(means[:1] - means[1:], draws[:, :1] - draws[:, 1:])
    # THEN the intervals of the means are wide, and that of the difference is a point
    assert better.high - better.low > 0.05
    assert difference == pytest.approx(Estimate(0.01, 0.01, 0.01))


def test_intervals_contain_the_true_value_in_95_percent_of_samples() -> None:
    # GIVEN 200 samples with a true hit rate of .3, around which each session has its own
    rng = np.random.default_rng(3)
    contained = 0
    for _ in range(200):
        rates = rng.beta(3, 7, 80)
        owners = np.repeat(np.arange(80), 5)
        hits = (rng.random(400) < rates[owners]).astype(np.float64)
        # WHEN an interval is estimated from each
        [estimate] = estimates(*SessionBootstrap(owners, 80, draws=300).means(hits[:, None]))
        contained += estimate.low <= 0.3 <= estimate.high
    # THEN about 190 contain it; 176 is more than four standard deviations below
    assert 176 <= contained <= 200


def test_an_interval_is_the_middle_95_percent_of_the_draws() -> None:
    draws = np.array([*range(101), np.nan, np.nan])[:, None]
    assert estimates(np.array([50.0]), draws) == [pytest.approx(Estimate(50.0, 2.5, 97.5))]

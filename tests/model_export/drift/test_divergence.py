"""Chance alone moves shares; a divergence counts beyond that only, also where events come in sessions."""

from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from model_export.drift import divergence
from model_export.drift.bins import MAX_BINS, MIN_EVENTS, bins_by_size, bins_in_order
from model_export.drift.divergence import Floats, compare, counted_like, jensen_shannon, psi, sample_of
from model_export.drift.rates import rate_of
from model_export.drift.smoothing import smoothed

COUNTS = arrays(np.float64, st.integers(2, 30), elements=st.integers(0, 5_000))


def shares(counts: Floats) -> Floats:
    smooth: Floats = (counts + 0.5) / (counts + 0.5).sum()
    return smooth


@given(COUNTS, st.integers(0, 99))
def test_both_divergences_are_symmetric_and_zero_for_equal_shares(counts: Floats, seed: int) -> None:
    other = np.random.default_rng(seed).permutation(counts)
    before, after = shares(counts), shares(other)
    assert psi(before, before) == jensen_shannon(before, before) == 0
    assert psi(before, after) == pytest.approx(psi(after, before), abs=1e-12)
    assert psi(before, after) >= -1e-12
    assert 0 <= jensen_shannon(before, after) + 1e-12 <= 1 + 1e-9
    plain = sum((q - p) * np.log(q / p) for p, q in zip(before, after, strict=True))
    entropy = [-sum(p * log2(p) for p in part) for part in ((before + after) / 2, before, after)]
    assert psi(before, after) == pytest.approx(plain)
    assert jensen_shannon(before, after) == pytest.approx(entropy[0] - (entropy[1] + entropy[2]) / 2, abs=1e-9)


def test_the_covariance_counts_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN sessions of one event: shares of independent events
    codes = np.repeat([0, 1, 2], [50, 30, 20])
    alone = sample_of(np.arange(100), codes, 3)
    p = np.array([0.5, 0.3, 0.2])
    assert alone.covariance == pytest.approx((np.diag(p) - np.outer(p, p)) / 99)
    # WHEN each event comes four times in its session, THEN there is no more information than before
    monkeypatch.setattr(divergence, "CHUNK", 7)
    fourfold = sample_of(np.repeat(np.arange(100), 4), np.repeat(codes, 4), 3)
    assert fourfold.covariance == pytest.approx(alone.covariance)
    assert fourfold.counts.tolist() == [200, 120, 80]


def test_chance_is_expected_as_it_is() -> None:
    # GIVEN windows of 150 sessions, which look at few items each, from one distribution
    rng, bins, windows = np.random.default_rng(5), 12, 300
    popular = rng.dirichlet(np.full(bins, 3.0))
    reference = popular * 1e6
    found = []
    for _ in range(windows):
        taste = rng.dirichlet(popular * 6, 150)
        counts = np.array([rng.multinomial(6, each) for each in taste])
        owners, codes = np.nonzero(counts)
        times = counts[owners, codes]
        window = sample_of(np.repeat(owners, times), np.repeat(codes, times), bins)
        found.append(compare(counted_like(reference, window), window))
    # THEN their mean is the expected one, and hardly any is beyond the bound
    assert np.mean([each.expected for each in found]) == pytest.approx(np.mean([each.psi for each in found]), rel=0.1)
    assert sum(each.excess > 0 for each in found) <= 2
    # AND events are not taken for independent: then the expectation would be about half
    assert np.mean([each.psi for each in found]) > 1.6 * (bins - 1) / 900


@given(COUNTS, st.integers(0, 20_000), st.booleans())
def test_joined_bins_hold_enough_events(counts: Floats, events: int, in_order: bool) -> None:
    joined = (bins_in_order if in_order else bins_by_size)(counts, events)
    held = np.bincount(joined, weights=counts)
    assert set(joined.tolist()) == set(range(len(held)))
    assert len(held) <= MAX_BINS
    if len(held) > 1:
        assert held.min() * min(1, events / counts.sum()) >= MIN_EVENTS - 1e-9
    if in_order:
        assert (np.diff(joined) >= 0).all()
    else:
        assert joined[-1] == len(held) - 1  # all others are joined last
        assert joined[:-1][np.argsort(-counts[:-1], kind="stable")].tolist() == sorted(joined[:-1])


def test_a_value_weighs_half_after_the_half_life() -> None:
    assert smoothed(None, 3.0, 1, 24) == 3.0
    value = smoothed(smoothed(0.0, 1.0, 6, 12), 1.0, 6, 12)
    assert value == pytest.approx(0.5)  # as after 12 hours at once
    assert smoothed(2.0, 1.0, 0, 12) == 2.0


def test_an_interval_counts_sessions_not_events() -> None:
    hits = np.arange(200) % 2
    alone = rate_of(np.arange(200), hits)
    together = rate_of(np.repeat(np.arange(200), 9), np.repeat(hits, 9))
    assert (together.value, together.events, together.sessions) == (0.5, 1800, 200)
    assert together.margin == pytest.approx(alone.margin) == pytest.approx(1.96 * (0.25 / 199) ** 0.5, rel=1e-3)
    assert (rate_of(np.arange(99), hits[:99]).low, rate_of(np.arange(99), hits[:99]).high) == (0, 1)
    assert rate_of(hits[:0], hits[:0]).sessions == 0

"""Simulated interleaving: few false decisions, fewer sessions than a canary, and the figures of the page."""

import re

import numpy as np
import pytest

from bench.experiments.__main__ import (
    EXPERIMENTS,
    INTERLEAVED_EQUAL,
    INTERLEAVED_WORSE,
    SAME_CANARY,
    Row,
    simulate_interleaving,
)
from bench.experiments.interleaved import draw_shares, make_pool
from tests.building import ROOT

PAGE = ROOT / "docs" / "concepts" / "experiments.md"
ACCEPTED = 0.05


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    return {row.scenario: row for row in simulate_interleaving(EXPERIMENTS)}


@pytest.mark.slow
def test_an_equal_challenger_is_preferred_in_at_most_5_percent_and_a_worse_one_found_sooner(
    rows: dict[str, Row],
) -> None:
    equal, worse, canary = (rows[name] for name in (INTERLEAVED_EQUAL, INTERLEAVED_WORSE, SAME_CANARY))
    assert equal.experiments >= 1_000
    assert equal.wrong <= ACCEPTED < equal.peeking_wrong
    assert worse.wrong <= ACCEPTED / 2
    assert worse.decided > 0.95
    assert worse.median_sessions is not None
    assert canary.median_sessions is not None
    assert worse.median_sessions < canary.median_sessions


@pytest.mark.slow
def test_the_figures_of_the_page_are_those_of_the_simulation(rows: dict[str, Row]) -> None:
    table = [
        [cell.strip() for cell in line.strip("| ").split("|")]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if re.match(r"\| (interleaved|canary)", line)
    ]
    assert [cells[0] for cells in table] == list(rows)
    for name, *shown in table:
        row = rows[name]
        assert [float(share.removesuffix(" %")) for share in shown[:2]] == pytest.approx(
            [100 * row.decided, 100 * row.peeking_decided], abs=0.21
        )
        sessions = [int(number.replace(",", "")) for number in shown[2:] if number]
        expected = [] if name == INTERLEAVED_EQUAL else [row.median_sessions, row.p90_sessions]
        assert sessions == pytest.approx(expected, rel=0.04)


def test_a_pool_has_the_outcomes_of_both_kinds_of_experiment() -> None:
    # GIVEN few visitors of an equal and of a much worse challenger
    equal, worse = make_pool(1.0, seed=3, sessions=200), make_pool(4.0, seed=3, sessions=200)
    # THEN the worse one has fewer hits, and a smaller share of the credits
    assert abs(equal.loss) < 0.1
    assert worse.loss > 0.15
    assert np.nanmean(worse.share) < np.nanmean(equal.share) - 0.1
    assert set(np.unique(equal.share[~np.isnan(equal.share)])) > {0.0, 0.5, 1.0}
    # AND sessions that change sides at random prefer nothing, whatever the pool
    shares = draw_shares(worse, 50, 10, 100, seed=1, equal=True)
    assert shares.outcomes.sum() / shares.sessions.sum() == pytest.approx(0.5, abs=0.01)
    assert (shares.sessions < 100).any()  # sessions without a credit do not count

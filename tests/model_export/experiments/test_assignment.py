"""Sample ratio mismatch: few false alarms at all looks together, and faults that are found."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.experiments.assignment import EXPERIMENTS, RISING, SCENARIOS, SEED, Scenario, simulate
from model_export.experiments.assignment import AssignedSessions, assignment_p_values, check_assignment
from tests.building import ROOT
from tests.nextitem.parts import STEADY

PAGE = ROOT / "docs" / "concepts" / "experiments.md"


def test_right_shares_are_rarely_found_wrong_at_any_look() -> None:
    # GIVEN 1,000 experiments whose share rises, with 30 looks
    rng = np.random.default_rng(3)
    shares = np.array(RISING)
    challenger = np.zeros((1_000, 30, 3))
    for number, share in enumerate(shares):
        challenger[:, 10 * number : 10 * (number + 1), number] = rng.binomial(200, share, (1_000, 10))
    champion = np.where(challenger > 0, 200 - challenger, 0)
    # WHEN one looks at each THEN a p-value falls below a level in that part of the experiments, at most
    lowest = assignment_p_values(shares, champion, challenger).min(axis=1)
    assert (lowest < 0.05).mean() <= 0.05
    assert (lowest < 0.2).mean() <= 0.2
    assert simulate(Scenario("right", (0.5,)), 1_000, 5, looks=30).found <= 0.003
    # AND lost sessions are found
    assert simulate(Scenario("lost", (0.5,), 0.2), 100, 5, looks=30).found == 1


@pytest.mark.slow
def test_the_figures_of_the_page_are_those_of_the_simulation() -> None:
    found = re.findall(
        r"^\| ([^|]*lost[^|]*|right[^|]*) \| (\S+) % \| (\S*) ?\|$", PAGE.read_text("utf-8"), re.MULTILINE
    )
    rows = [simulate(scenario, EXPERIMENTS, SEED + number) for number, scenario in enumerate(SCENARIOS)]
    assert [name for name, *_ in found] == [row.scenario for row in rows]
    for (_, share, sessions), row in zip(found, rows, strict=True):
        assert float(share) == pytest.approx(100 * row.found, abs=0.21)
        assert sessions == ("" if row.median_sessions is None else f"{row.median_sessions:,}")


PART = st.builds(AssignedSessions, st.sampled_from([0.05, 0.5]), st.integers(0, 900), st.integers(0, 900))


@STEADY
@given(looks=st.lists(st.lists(PART, max_size=3), max_size=5))
def test_a_mismatch_stays_found(looks: list[list[AssignedSessions]]) -> None:
    evidence = [check_assignment(looks[:count]) for count in range(len(looks) + 1)]
    p_values = [each.p_value for each in evidence]
    assert p_values[0] == 1.0
    assert p_values == sorted(p_values, reverse=True)
    parts = [part for look in looks for part in look]
    assert evidence[-1].challenger_expected == pytest.approx(sum(p.share * (p.champion + p.challenger) for p in parts))
    assert (evidence[-1].champion, evidence[-1].challenger) == (
        sum(part.champion for part in parts),
        sum(part.challenger for part in parts),
    )


def test_looks_of_two_shares_are_compared_with_each() -> None:
    # The sum of both would be right
    crossed = [[AssignedSessions(0.2, 500, 500), AssignedSessions(0.8, 500, 500)]]
    assert check_assignment(crossed).mismatch
    right = [[AssignedSessions(0.2, 800, 200), AssignedSessions(0.8, 200, 800)]]
    assert not check_assignment(right).mismatch

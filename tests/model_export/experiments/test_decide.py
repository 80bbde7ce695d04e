"""Decisions: one of each kind, and what no evidence can make them do."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.experiments.assignment import AssignedSessions
from model_export.experiments.decide import Bound, Decision, Rules, State, decide, next_state
from model_export.experiments.sequential import ArmSums
from nextitem.errors import InputError

STEPS = (0.05, 0.2, 0.5)
GUARDS = (Bound("p99_ms", 50.0), Bound("errors", 0.01))
RULES = Rules(guards=GUARDS, steps=STEPS, minimum_sessions=100)
FINE = {"p99_ms": 50.0, "errors": 0.0}


def arms(sessions: int, champion_hits: float, challenger_hits: float, looks: int = 4) -> tuple[ArmSums, ArmSums]:
    """Return both arms with the same number of sessions at each look, and a rate of hits each."""
    count = np.full(looks, float(sessions))
    hits = (count * champion_hits, count * challenger_hits)
    return ArmSums(count, hits[0], hits[0]), ArmSums(count, hits[1], hits[1])


def state(share: float = 0.5, sessions_before: int = 0) -> State:
    return State("summer", "v1", "v2", share, looks=3, sessions_before=sessions_before)


LOST = [[AssignedSessions(0.5, 700, 300)]]
"""Many of the challenger's sessions are missing."""


def decided(
    before: State,
    both: tuple[ArmSums, ArmSums],
    rules: Rules = RULES,
    measured: dict[str, float] = FINE,
    assigned: Sequence[Sequence[AssignedSessions]] = (),
) -> Decision:
    return decide(before, rules, *both, assigned, FINE | measured)


def test_a_challenger_that_proves_better_is_promoted() -> None:
    decision = decided(state(), arms(5_000, 0.4, 0.5))
    assert (decision.action, decision.share_before, decision.share_after) == ("promote", 0.5, 1.0)
    assert decision.relative_difference.low is not None
    assert f"the hit rate changes by {decision.relative_difference.low:+.2%} at least" in decision.reason
    assert next_state(state(), decision) is None


def test_a_challenger_that_proves_worse_is_rolled_back() -> None:
    for share in STEPS:
        decision = decided(state(share), arms(5_000, 0.5, 0.4))
        assert (decision.action, decision.share_after) == ("rollback", 0.0)
        assert "the hit rate is at least" in decision.reason
        assert next_state(state(share), decision) is None


def test_an_equal_challenger_is_not_decided_for_unless_the_margin_accepts_it() -> None:
    equal = arms(20_000, 0.4, 0.4)
    assert decided(state(), equal).action == "continue"
    accepted = msgspec.structs.replace(RULES, margin=0.05)
    assert decided(state(), equal, accepted).action == "promote"
    # A loss of 20 % is beyond the margin, one of a few percent may be on either side
    assert decided(state(), arms(20_000, 0.4, 0.32), accepted).action == "rollback"
    assert decided(state(), arms(1_000, 0.4, 0.38), accepted).action == "continue"


def test_a_share_rises_by_one_step_after_enough_sessions_at_it() -> None:
    # GIVEN 400 sessions of the challenger, 301 of which came before it got its share
    before = state(0.05, sessions_before=301)
    decision = decided(before, arms(100, 0.4, 0.4))
    # WHEN a look finds 99 at this share THEN it stays, and the experiment goes on
    assert (decision.action, decision.reason) == ("continue", "99 sessions of v2 at this share, 100 are needed")
    assert next_state(before, decision) == msgspec.structs.replace(before, looks=4)
    # WHEN it finds 100 THEN the share rises, and the count starts again
    before = state(0.05, sessions_before=300)
    decision = decided(before, arms(100, 0.4, 0.4))
    assert (decision.action, decision.share_after, decision.look) == ("raise_share", 0.2, 4)
    assert next_state(before, decision) == State("summer", "v1", "v2", 0.2, looks=4, sessions_before=400)


def test_a_better_challenger_passes_all_steps_before_it_is_promoted() -> None:
    # GIVEN a challenger that proves better from the start
    rules = msgspec.structs.replace(RULES, planned_sessions=500)
    experiment: State | None = State("summer", "v1", "v2", 0.05)
    shares = []
    looks = 0
    # WHEN it is looked at after each 30 sessions of its arm THEN each step takes 120 sessions at least
    while experiment is not None:
        looks += 1
        shares.append(experiment.share)
        experiment = next_state(experiment, decided(experiment, arms(30, 0.1, 0.9, looks), rules))
    assert shares == [0.05] * 4 + [0.2] * 4 + [0.5] * 4


@pytest.mark.parametrize("measured", [{"errors": 0.011}, {"p99_ms": math.inf}])
def test_a_breached_guard_rail_rolls_back_at_the_same_look(measured: dict[str, float]) -> None:
    # GIVEN a challenger that is much better, or has no sessions yet
    for both in (arms(5_000, 0.4, 0.6), arms(0, 0.0, 0.0)):
        decision = decided(state(), both, measured=measured)
        assert (decision.action, decision.share_after) == ("rollback", 0.0)
        assert decision.reason.startswith(f"guard rail: {next(iter(measured))} is ")
        assert [guard.name for guard in decision.guards if guard.breached] == list(measured)


@pytest.mark.parametrize(("share", "rate"), [(0.05, 0.4), (0.5, 0.5), (0.5, 0.3)], ids=["raise", "promote", "loss"])
def test_arms_without_their_shares_decide_nothing(share: float, rate: float) -> None:
    both = arms(5_000, 0.4, rate)
    assert decided(state(share), both).action != "continue"
    decision = decided(state(share), both, assigned=LOST)
    assert (decision.action, decision.share_after) == ("continue", share)
    assert decision.reason.startswith("sample ratio mismatch: the challenger has 300 of 1000 sessions, about 500 are")
    assert decision.assignment.mismatch
    # AND a guard rail still rolls back
    assert decided(state(share), both, measured={"errors": 1.0}, assigned=LOST).action == "rollback"


def test_an_unmeasured_guard_rail_keeps_the_share() -> None:
    for share, both in ((0.05, arms(100, 0.4, 0.4)), (0.5, arms(5_000, 0.4, 0.6))):
        decision = decided(state(share), both, measured={"errors": math.nan})
        assert (decision.action, decision.reason) == ("continue", "errors was not measured")
    # AND a proven loss rolls back without it
    assert decided(state(), arms(5_000, 0.6, 0.4), measured={"errors": math.nan}).action == "rollback"


def test_few_sessions_do_not_decide() -> None:
    # GIVEN arms whose outcomes are far apart, just below and at the minimum
    few, enough = arms(99, 0.9, 0.1, looks=1), arms(100, 0.9, 0.1, looks=1)
    assert decided(state(), few).relative_difference.high is not None
    assert (decided(state(), few).action, decided(state(), enough).action) == ("continue", "rollback")


def test_the_document_is_json_with_all_evidence() -> None:
    decision = decided(state(), arms(5_000, 0.4, 0.5))
    document = msgspec.json.encode(decision)
    assert msgspec.json.decode(document, type=Decision) == decision
    fields = msgspec.json.decode(document)
    assert fields["challenger"] == {"version": "v2", "sessions": 20_000, "mean": 0.5}
    assert fields["guards"][0] == {"name": "p99_ms", "value": 50.0, "most": 50.0, "breached": False}
    assert fields["rules"]["steps"] == list(STEPS)
    # AND without a session nothing is known
    empty = decided(state(), arms(0, 0, 0, looks=0))
    assert (empty.relative_difference.low, empty.champion.mean) == (None, None)


@pytest.mark.parametrize(
    ("rules", "part"),
    [
        ({"steps": (0.2, 0.1)}, "steps (0.2, 0.1)"),
        ({"steps": ()}, "steps ()"),
        ({"steps": (0.0, 0.5)}, "steps (0.0, 0.5)"),
        ({"steps": (0.1, 0.6)}, "steps (0.1, 0.6)"),
        ({"margin": -0.1}, "margin -0.1"),
        ({"margin": math.nan}, "margin nan"),
        ({"minimum_sessions": 1}, "minimum_sessions 1"),
        ({"planned_sessions": 0}, "planned_sessions 0"),
        ({"level": 1.0}, "level 1.0"),
        ({"longest_days": -1}, "longest_days -1"),
        ({"guards": (Bound("p99_ms", math.inf),)}, "guards"),
    ],
)
def test_rules_out_of_range_are_refused(rules: dict[str, object], part: str) -> None:
    with pytest.raises(InputError) as refused:
        Rules(**rules)  # type: ignore[arg-type]  # the table's values have several types
    assert part in str(refused.value)


def test_a_share_between_the_steps_and_a_measurement_without_bound_are_refused() -> None:
    with pytest.raises(InputError, match=r"share 0\.3 is none of its steps"):
        decided(state(0.3), arms(10, 0.4, 0.4))
    with pytest.raises(InputError, match="no guard rail bounds cpu"):
        decided(state(), arms(10, 0.4, 0.4), measured={"cpu": 1.0})


@dataclass(frozen=True)
class Look:
    """All that a decision depends on."""

    state: State
    rules: Rules
    champion: ArmSums
    challenger: ArmSums
    assigned: list[list[AssignedSessions]]
    measured: dict[str, float]


@st.composite
def look(draw: st.DrawFn) -> Look:
    looks = draw(st.integers(0, 4))

    def arm() -> ArmSums:
        sessions = np.array(draw(st.lists(st.integers(0, 4_000), min_size=looks, max_size=looks)), np.float64)
        hits = np.round(sessions * draw(st.floats(0, 1)))
        return ArmSums(sessions, hits, hits)

    rules = Rules(
        margin=draw(st.sampled_from([0.0, 0.02, 0.3])),
        steps=draw(st.sampled_from([STEPS, (0.5,), (0.1, 0.3)])),
        minimum_sessions=draw(st.sampled_from([2, 500])),
        guards=GUARDS,
    )
    value = st.one_of(st.floats(0, 100), st.just(math.nan), st.just(math.inf))
    measured = draw(st.one_of(st.just(FINE), st.dictionaries(st.sampled_from(["p99_ms", "errors"]), value)))
    share = draw(st.sampled_from(rules.steps))
    assigned = draw(st.sampled_from([[], LOST, [*LOST, *LOST]]))
    return Look(state(share, draw(st.integers(0, 4_000))), rules, arm(), arm(), assigned, measured)


@given(look=look())
@pytest.mark.slow
def test_what_no_evidence_can_do(look: Look) -> None:
    decision = decide(look.state, look.rules, look.champion, look.challenger, look.assigned, look.measured)
    low, high = decision.relative_difference.low, decision.relative_difference.high
    breached = any(look.measured.get(guard.name, 0.0) > guard.most for guard in GUARDS)
    measured = all(not math.isnan(look.measured.get(guard.name, math.nan)) for guard in GUARDS)
    # A breached guard rail always rolls back; otherwise only a proven loss beyond the margin does
    if breached:
        assert decision.action == "rollback"
    elif decision.action == "rollback":
        assert high is not None
        assert high < -look.rules.margin
    # Arms without their shares decide nothing
    if look.assigned and not breached:
        assert decision.action == "continue"
    # A promotion never has a loss beyond the margin in its interval, a guard rail unmeasured, or a step before it
    if decision.action == "promote":
        assert low is not None
        assert low > -look.rules.margin
        assert measured
        assert look.state.share == look.rules.steps[-1]
    # The share is 0, 1, or a step: the same, or the next one
    index = look.rules.steps.index(look.state.share)
    allowed = {
        "continue": look.state.share,
        "raise_share": look.rules.steps[min(index + 1, len(look.rules.steps) - 1)],
        "promote": 1.0,
        "rollback": 0.0,
    }
    assert decision.share_after == allowed[decision.action]
    if decision.action == "raise_share":
        assert decision.share_after > look.state.share
        assert measured
    # The same input gives the same document
    again = decide(look.state, look.rules, look.champion, look.challenger, look.assigned, look.measured)
    assert msgspec.json.encode(again) == msgspec.json.encode(decision)

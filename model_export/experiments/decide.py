"""Decide at a look: continue, raise the challenger's share, promote it, or roll it back.

The decision follows from state, rules, sessions and measurements alone: the same input gives the same document.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal

import msgspec
import numpy as np

from model_export.experiments.assignment import AssignedSessions, AssignmentEvidence, check_assignment
from model_export.experiments.evidence import ArmEvidence, Estimate, GuardEvidence
from model_export.experiments.interleaving import preference, relative_preference
from model_export.experiments.outcomes import METRIC_NAMES, Metric
from model_export.experiments.sequential import (
    LEVEL,
    PLANNED_SESSIONS,
    ArmSums,
    Intervals,
    difference,
    relative_difference,
)
from nextitem.errors import InputError

Action = Literal["continue", "raise_share", "promote", "rollback"]


class Bound(msgspec.Struct, frozen=True):
    """A guard rail: a measurement of the challenger, such as its p99 in ms, and the most that it may be."""

    name: str
    most: float


class Rules(msgspec.Struct, frozen=True):
    """What an experiment may do; chosen before its first look.

    Attributes:
        metric: the outcome that decides. Others may be looked at, but they decide nothing.
        margin: the relative loss that a promotion accepts. At 0, only a challenger that proves better is promoted.
        steps: the shares that the challenger gets, one after the other, above 0 and rising to 0.5 at most.
        minimum_sessions: sessions of each arm before its outcomes decide, and of the challenger at each step.
        planned_sessions: sessions of both arms at which intervals are narrowest.
        level: probability that no look of an experiment is wrong about the metric.
        guards: bounds that roll back as soon as one look finds a measurement beyond.
        longest_days: an experiment that is not decided after so many days is rolled back; 0: it goes on.

    Raises:
        InputError: a setting is out of range.
    """

    metric: Metric = "hit_rate"
    margin: float = 0.0
    steps: tuple[float, ...] = (0.05, 0.2, 0.5)
    minimum_sessions: int = 500
    planned_sessions: int = PLANNED_SESSIONS
    level: float = LEVEL
    guards: tuple[Bound, ...] = ()
    longest_days: int = 0

    def __post_init__(self) -> None:
        """Check the ranges."""
        rising = all(low < high for low, high in zip((0.0, *self.steps), self.steps, strict=False))
        checks = {
            f"margin {self.margin}: 0 or more, below 1": 0 <= self.margin < 1,
            f"steps {self.steps}: one or more shares that rise, from above 0 to 0.5 at most": rising
            and len(self.steps) > 0
            and self.steps[-1] <= 0.5,  # noqa: PLR2004 - above it the champion's arm is the small one
            f"minimum_sessions {self.minimum_sessions}: 2 or more": self.minimum_sessions > 1,
            f"planned_sessions {self.planned_sessions}: 1 or more": self.planned_sessions > 0,
            f"longest_days {self.longest_days}: 0 or more": self.longest_days >= 0,
            "guards: finite bounds": all(math.isfinite(guard.most) for guard in self.guards),
            f"level {self.level}: from 0.5 to below 1": 0.5 <= self.level < 1,  # noqa: PLR2004 - the text names them
        }
        for rule, kept in checks.items():
            if not kept:
                raise InputError(f"rules of the experiment, {rule}")


def steps_from(share: float, steps: tuple[float, ...] = Rules().steps) -> tuple[float, ...]:
    """Return the shares of an experiment that begins with another first one; lower steps are left out."""
    return (share, *(step for step in steps if step > share))


class State(msgspec.Struct, frozen=True):
    """An experiment between two looks.

    Attributes:
        experiment: its id.
        champion: the version that has the traffic.
        challenger: the version that wants it.
        share: the challenger's share of the sessions, one of the steps.
        looks: looks so far.
        sessions_before: sessions of the challenger before it got this share.
    """

    experiment: str
    champion: str
    challenger: str
    share: float
    looks: int = 0
    sessions_before: int = 0


class Decision(msgspec.Struct, frozen=True):
    """A decision with its evidence: the document of one look, JSON by `msgspec.json.encode`.

    Attributes:
        schema: version of this document.
        experiment: id of the experiment.
        look: number of the look, from 1.
        action: what to do.
        reason: why, in one sentence for people.
        share_before: the challenger's share until now.
        share_after: its share from now on: a step, 0 after a rollback, 1 after a promotion.
        champion: sessions and mean of its arm. The means are for people: they mix looks of different shares.
        challenger: likewise. Of interleaved sessions, both arms have all of them, and the means are shares of credits.
        difference: mean outcome of the challenger less the champion's, compared within looks or within each session.
        relative_difference: the same relative to the champion's: what decides.
        assignment: whether the arms get their shares.
        guards: the guard rails.
        rules: the rules that were applied.
    """

    schema: int
    experiment: str
    look: int
    action: Action
    reason: str
    share_before: float
    share_after: float
    champion: ArmEvidence
    challenger: ArmEvidence
    difference: Estimate
    relative_difference: Estimate
    assignment: AssignmentEvidence
    guards: tuple[GuardEvidence, ...]
    rules: Rules


def decide(
    state: State,
    rules: Rules,
    champion: ArmSums,
    challenger: ArmSums,
    assigned: Sequence[Sequence[AssignedSessions]],
    measured: Mapping[str, float],
) -> Decision:
    """Decide at a look.

    Args:
        state: the experiment since the look before.
        rules: its rules.
        champion: sessions that ended, float64[looks], this look's last; of the metric ``preference``, their shares of
            credits.
        challenger: the same, of the same looks.
        assigned: sessions by look and share, also those without an outcome.
        measured: measurements of the challenger since the look before, by the name of the guard rail. A name that is
            missing, or NaN, was not measured: the share then stays where it is.

    Raises:
        InputError: the share is none of the steps, or a measurement has no bound.
    """
    if state.share not in rules.steps:
        raise InputError(f"experiment {state.experiment}: share {state.share} is none of its steps {rules.steps}")
    unknown = sorted(set(measured) - {guard.name for guard in rules.guards})
    if unknown:
        raise InputError(f"experiment {state.experiment}: no guard rail bounds {', '.join(unknown)}")
    settings = {"level": rules.level, "planned_sessions": float(rules.planned_sessions)}
    if rules.metric == "preference":
        absolute, relative = preference(challenger, **settings), relative_preference(challenger, **settings)
    else:
        absolute = difference(champion, challenger, **settings)
        relative = relative_difference(champion, challenger, **settings)
    guards = tuple(_guard(guard, measured.get(guard.name, math.nan)) for guard in rules.guards)
    arms = (_arm(state.champion, champion), _arm(state.challenger, challenger))
    change = _estimate(relative)
    assignment = check_assignment(assigned)
    action, reason = _action(state, rules, arms, change, assignment, guards)
    after = {"continue": state.share, "promote": 1.0, "rollback": 0.0}
    return Decision(
        schema=1,
        experiment=state.experiment,
        look=state.looks + 1,
        action=action,
        reason=reason,
        share_before=state.share,
        share_after=_next_step(state, rules) if action == "raise_share" else after[action],
        champion=arms[0],
        challenger=arms[1],
        difference=_estimate(absolute),
        relative_difference=change,
        assignment=assignment,
        guards=guards,
        rules=rules,
    )


def ended_in_time(decision: Decision, age: timedelta) -> Decision:
    """Return the decision, or the end of an experiment that is too old for another step of this one."""
    days = decision.rules.longest_days
    if decision.action != "continue" or not days or age < timedelta(days=days):
        return decision
    reason = f"not decided within {days} days: {decision.reason}"
    return msgspec.structs.replace(decision, action="rollback", share_after=0.0, reason=reason)


def next_state(state: State, decision: Decision) -> State | None:
    """Return the experiment after a decision; None if it has ended."""
    if decision.action in {"promote", "rollback"}:
        return None
    raised = decision.action == "raise_share"
    before = decision.challenger.sessions if raised else state.sessions_before
    return msgspec.structs.replace(state, share=decision.share_after, looks=decision.look, sessions_before=before)


def _action(
    state: State,
    rules: Rules,
    arms: tuple[ArmEvidence, ArmEvidence],
    relative: Estimate,
    assignment: AssignmentEvidence,
    guards: tuple[GuardEvidence, ...],
) -> tuple[Action, str]:
    fault = _fault(assignment, guards)
    if fault is not None:
        return fault
    low = -math.inf if relative.low is None else relative.low
    high = math.inf if relative.high is None else relative.high
    metric = METRIC_NAMES[rules.metric]
    if high < -rules.margin and min(arm.sessions for arm in arms) >= rules.minimum_sessions:
        return "rollback", f"the {metric} is at least {-high:.2%} lower; a loss of {rules.margin:.2%} is accepted"
    missing = _missing(state, rules, arms, guards)
    if missing:
        return "continue", missing
    if state.share < rules.steps[-1]:
        return "raise_share", "enough sessions at this share, no guard rail breached, no loss proven"
    if low > -rules.margin:
        return "promote", f"the {metric} changes by {low:+.2%} at least; a loss of {rules.margin:.2%} is accepted"
    return "continue", f"the {metric} changes by {low:+.2%} to {high:+.2%}: not decided"


def _fault(assignment: AssignmentEvidence, guards: tuple[GuardEvidence, ...]) -> tuple[Action, str] | None:
    """Return what is done without any look at outcomes; None if the service and the assignment are fine."""
    breached = [guard for guard in guards if guard.breached]
    if breached:
        found = ", ".join(f"{guard.name} is {guard.value:g}, at most {guard.most:g}" for guard in breached)
        return "rollback", f"guard rail: {found}"
    return ("continue", _mismatch(assignment)) if assignment.mismatch else None


def _mismatch(assignment: AssignmentEvidence) -> str:
    total = assignment.champion + assignment.challenger
    return (
        f"sample ratio mismatch: the challenger has {assignment.challenger} of {total} sessions, about "
        f"{assignment.challenger_expected:.0f} are expected; find out why, then stop the experiment and start another"
    )


def _missing(
    state: State, rules: Rules, arms: tuple[ArmEvidence, ArmEvidence], guards: tuple[GuardEvidence, ...]
) -> str:
    """Return what a raise or a promotion still lacks; empty if nothing."""
    at_share = arms[1].sessions - state.sessions_before
    counts = {f"of {arms[0].version}": arms[0].sessions, f"of {arms[1].version} at this share": at_share}
    lacking = [
        f"{sessions} sessions {place}, {rules.minimum_sessions} are needed"
        for place, sessions in counts.items()
        if sessions < rules.minimum_sessions
    ]
    return "; ".join(lacking + [f"{guard.name} was not measured" for guard in guards if guard.value is None])


def _next_step(state: State, rules: Rules) -> float:
    return rules.steps[rules.steps.index(state.share) + 1]


def _estimate(intervals: Intervals) -> Estimate:
    if not intervals.value.size:
        return Estimate(None, None, None)
    return Estimate(*(float(column[-1]) if np.isfinite(column[-1]) else None for column in intervals))


def _arm(version: str, sums: ArmSums) -> ArmEvidence:
    sessions = int(sums.sessions.sum())
    return ArmEvidence(version, sessions, float(sums.outcomes.sum() / sessions) if sessions else None)


def _guard(bound: Bound, value: float) -> GuardEvidence:
    known = None if math.isnan(value) else value
    return GuardEvidence(bound.name, known, bound.most, breached=value > bound.most)

"""Make a look: measure the guard rails, count the sessions that ended since the last look, and decide.

The sums of a look are never changed. So it counts only sessions that ended before the time until which the lake is
complete (`model_export.lake.note`): of a session whose last events are still on their way, two looks would count a part
each. While the collector stands still, looks count nothing new, and say so; guard rails are measured all the same.
"""

from datetime import datetime, timedelta
from math import inf

import msgspec

from model_export.experiments.decide import Decision, State, decide, ended_in_time, next_state
from model_export.experiments.live_sessions import NONE_COUNTED, sums_between
from model_export.experiments.measurements import Measurements, measured_or_fault
from model_export.experiments.records import Look, Record, arm_sums
from model_export.lake.events import LakeFiles
from model_export.lake.note import complete_until


def state_after(record: Record, looks: list[Look]) -> State | None:
    """Return an experiment after its looks; None if one of them has ended it."""
    state: State | None = State(record.experiment, record.champion, record.challenger, record.rules.steps[0])
    for look in looks:
        state = None if state is None else next_state(state, look.decision)
    return state


def new_look(
    lake: LakeFiles, record: Record, looks: list[Look], measurements: Measurements, now: datetime
) -> Look | None:
    """Look at what is new since the last look.

    Args:
        lake: the lake, with the collector's note.
        record: of an experiment that runs.
        looks: its looks so far, all carried out.
        measurements: measures what guard rails bound.
        now: the time of the look.

    Returns:
        The look, which is not in the bucket yet; None if no time has passed.

    Raises:
        RegistryError: the lake cannot be read.
    """
    started = record.shares[0].since
    before, last = (started, None) if not looks else (looks[-1].sessions_until, looks[-1])
    state = state_after(record, looks)
    if state is None or now <= (started if last is None else last.at):
        return None
    since = started if last is None else last.at if last.measured else last.measured_since
    guards = {guard.name: guard.most for guard in record.rules.guards}
    measured, fault = measured_or_fault(measurements, record.challenger, since, now) if guards else ({}, "")
    if any(measured.get(name, -inf) > most for name, most in guards.items()):
        # A lake that is slow or cannot be read must not delay the end
        until, counted, lateness = before, NONE_COUNTED, None
    else:
        complete = complete_until(lake)
        until = before if complete is None else max(before, min(complete, now))
        counted = sums_between(lake, record, before, until) if until > before else NONE_COUNTED
        lateness = _lateness(complete, now, record.timing.delay)
    decision = decide(
        state,
        record.rules,
        arm_sums([*(look.champion for look in looks), counted.champion]),
        arm_sums([*(look.challenger for look in looks), counted.challenger]),
        [*(look.assigned for look in looks), counted.assigned],
        {name: value for name, value in measured.items() if name in guards},
    )
    decision = _with_reason(ended_in_time(decision, now - started), lateness)
    return Look(now, until, since, measured, *counted, decision, behind=lateness is not None, unmeasured=fault)


def _lateness(complete: datetime | None, now: datetime, delay: float) -> str | None:
    """Return that the collector is behind, in words; None if it is not.

    Args:
        complete: the time until which the lake has all events; None if it is unknown.
        now: the time of the look.
        delay: see `Timing`.
    """
    if complete is None:
        return "no session is judged before the collector has brought in every stream once (nextitem lake collect)"
    if complete >= now - timedelta(seconds=delay):
        return None
    return (
        f"the collector is behind: sessions that ended after {complete:%Y-%m-%d %H:%M:%S} UTC are judged by a later "
        "look, when their last events are in the lake"
    )


def _with_reason(decision: Decision, lateness: str | None) -> Decision:
    if lateness is None:
        return decision
    return msgspec.structs.replace(decision, reason=f"{decision.reason}; {lateness}")

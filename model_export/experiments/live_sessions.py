"""Which sessions of the lake count in an experiment, and in which arm."""

from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.experiments.assignment import AssignedSessions
from model_export.experiments.interleaving import credit_shares
from model_export.experiments.outcomes import EventRows, session_outcomes, sums_by_look
from model_export.experiments.records import LeftOut, LookSums, Record
from model_export.experiments.sequential import ArmSums, Floats
from model_export.lake.events import LakeFiles
from model_export.lake.reader import LakeSessions, SessionWindow, read_ended_sessions
from nextitem.registry.experiment import CHALLENGER, CHAMPION


class CountedSessions(NamedTuple):
    """The sessions that ended in a window: sums of both arms, all that were assigned, and those left out."""

    champion: LookSums
    challenger: LookSums
    assigned: tuple[AssignedSessions, ...]
    left_out: LeftOut


NONE_COUNTED = CountedSessions(LookSums(0, 0, 0), LookSums(0, 0, 0), (), LeftOut(0, 0, 0, 0))
"""What a look has that reads no sessions."""


def sums_between(lake: LakeFiles, record: Record, after: datetime, by: datetime) -> CountedSessions:
    """Return the sessions of both arms that ended in a window.

    Raises:
        RegistryError: the lake cannot be read.
    """
    idle, longest = (round(seconds * 1000) for seconds in (record.timing.idle, record.timing.longest))
    sessions = read_ended_sessions(lake, SessionWindow(epoch_ms(after), epoch_ms(by), idle, longest))
    return session_sums(sessions, record)


def session_sums(sessions: LakeSessions, record: Record) -> CountedSessions:
    """Return the same of sessions that were read."""
    _, first, owners = np.unique(sessions.session, return_index=True, return_inverse=True)
    is_under_way = _under_way(sessions.began[first], sessions.last[first], record)
    events = np.bincount(owners, minlength=len(first))

    def has_only(rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.asarray(np.bincount(owners[rows], minlength=len(first)) == events, np.bool_)

    of_champion = has_only((sessions.variant == CHAMPION) & (sessions.version == record.champion))
    of_challenger = has_only((sessions.variant == CHALLENGER) & (sessions.version == record.challenger))
    counts = (of_champion | of_challenger) & ~is_under_way
    metric = record.rules.metric
    if metric == "preference":
        considered = counts & of_challenger
        champion, challenger = _credits(sessions, considered[owners])
        with_outcome = challenger.sessions
    else:
        considered = counts
        rows = considered[owners]
        outcomes = session_outcomes(_event_rows(sessions, rows, of_challenger[owners]), record.conversions)
        look = np.zeros(len(outcomes.session), np.int64)
        champion, challenger = map(_look_sums, sums_by_look(outcomes, metric, look, 1))
        with_outcome = champion.sessions + challenger.sessions
    left_out = LeftOut(
        under_way=int(is_under_way.sum()),
        in_both_arms=int((~is_under_way & ~counts).sum()),
        too_long=sessions.too_long,
        no_outcome=int(considered.sum() - with_outcome),
    )
    assigned = _assigned(sessions.began[first][counts], of_challenger[counts], record)
    return CountedSessions(champion, challenger, assigned, left_out)


def epoch_ms(time: datetime) -> int:
    """Return a time in epoch milliseconds."""
    return round(time.timestamp() * 1000)


def _assigned(
    began: NDArray[np.int64], of_challenger: NDArray[np.bool_], record: Record
) -> tuple[AssignedSessions, ...]:
    """Count the sessions of both arms by the change of share before them."""
    since = np.array([epoch_ms(change.since) for change in record.shares], np.int64)
    changes = np.maximum(np.searchsorted(since, began, side="right") - 1, 0)
    counts = [np.bincount(changes[arm], minlength=len(since)).tolist() for arm in (~of_challenger, of_challenger)]
    by_change = zip(record.shares, *counts, strict=True)
    return tuple(AssignedSessions(change.share, *arms) for change, *arms in by_change if any(arms))


def _under_way(began: NDArray[np.int64], last: NDArray[np.int64], record: Record) -> NDArray[np.bool_]:
    """Return which sessions met a change of share: those that had begun before functions followed it, and not ended."""
    idle, settle = record.timing.idle * 1000, record.timing.settle * 1000
    met = np.zeros(len(began), np.bool_)
    for change in record.shares:
        at = epoch_ms(change.since)
        met |= (began < at + settle) & (last + idle > at)
    return met


def _event_rows(sessions: LakeSessions, rows: NDArray[np.bool_], of_challenger: NDArray[np.bool_]) -> EventRows:
    return EventRows(
        session=sessions.session[rows],
        challenger=of_challenger[rows],
        rank=sessions.rank[rows],
        clicked=sessions.clicked[rows],
        type=sessions.type[rows],
    )


def _credits(sessions: LakeSessions, rows: NDArray[np.bool_]) -> tuple[LookSums, LookSums]:
    credited = np.isfinite(sessions.rank[rows]) | sessions.clicked[rows]
    shares = credit_shares(sessions.session[rows], sessions.team[rows], credited)
    return _sums_of(1.0 - shares), _sums_of(shares)


def _sums_of(values: Floats) -> LookSums:
    return LookSums(float(len(values)), float(values.sum()), float((values**2).sum()))


def _look_sums(sums: ArmSums) -> LookSums:
    return LookSums(*(float(column[0]) for column in sums))

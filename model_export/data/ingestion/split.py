"""Step 5, split: train and test by the start of the sessions."""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
from ibis import _

from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.summary import sessions_by_day
from model_export.data.layout import MAX_SESSION_EVENTS
from model_export.data.sessions import format_time
from model_export.data.split import NO_DAYS, ONLY_AN_ORDER, empty_side, latest_sessions, period_of_test
from nextitem.errors import InputError


@dataclass(frozen=True)
class Parts:
    """Both sides of a split, with the counts of the input.

    Attributes:
        train: `session`, `item`, `type`, `time`, `place`, `nth`, the session's `start` and `first` place, and its
            `length`.
        test: the same of the later sessions.
        events: number of events that were split.
        sessions: number of their sessions.
        too_long: number of the sessions that were dropped for their length.
        cutoff: start of the test period, in seconds or the running index.
        by: the rule, in words.
    """

    train: ir.Table
    test: ir.Table
    events: int
    sessions: int
    too_long: int
    cutoff: float
    by: str


def split_sessions(
    engine: Engine,
    sessions: ir.Table,
    *,
    is_epoch: bool,
    test_days: int,
    max_session: int,
    test_from: float | None = None,
) -> Parts:
    """Give the last sessions by start to test, as `model_export.data.split.split_by_time` does.

    Args:
        engine: runs what the next expression depends on.
        sessions: `session`, `item`, `type`, `time`, `place` and `nth`.
        is_epoch: whether the times are seconds; in a running index no days can be counted.
        test_days: UTC days of the test period; 0: the last sessions by start, as in a running index.
        max_session: longer sessions are dropped first.
        test_from: start of the test period in epoch seconds, instead of `test_days`.

    Raises:
        InputError: one side would be empty.
    """
    whole = ibis.window(group_by="session")
    events = sessions.mutate(
        start=_.time.min().over(whole), first=_.place.min().over(whole), length=_.count().over(whole)
    )
    events = engine.kept("sessions", events)
    starts = events.group_by("session").agg(start=_.start.min(), first=_.first.min(), length=_.count())
    fits = starts.length <= max_session
    [counts] = engine.rows(
        starts.aggregate(
            events=starts.length.sum(),
            sessions=starts.count(),
            kept=fits.ifelse(1, 0).sum(),
            earliest=starts.start.min(where=fits),
        )
    )
    if not counts["kept"]:
        raise InputError(
            f"every session has more than {max_session} events: name another session or user column, or raise "
            f"--max-session (at most {MAX_SESSION_EVENTS})"
        )
    events, starts = events.filter(_.length <= max_session), starts.filter(_.length <= max_session)
    if is_epoch and (test_days or test_from is not None):
        if test_from is None:
            cutoff, by = period_of_test(sessions_by_day(engine, starts), test_days)
        else:
            cutoff, by = test_from, f"the sessions that start from {format_time(test_from, '%Y-%m-%d %H:%M:%S UTC')} on"
        train, test = events.filter(_.start < cutoff), events.filter(_.start >= cutoff)
        train_is_empty = counts["earliest"] >= cutoff
    else:
        size, by = latest_sessions(counts["kept"], NO_DAYS if is_epoch else ONLY_AN_ORDER)
        last = starts.order_by(ibis.desc("start"), ibis.desc("first")).limit(size)
        latest = engine.kept("latest", last.select("session", "start"))
        [bound] = engine.rows(latest.aggregate(cutoff=latest.start.min()))
        cutoff = bound["cutoff"]
        train, test = events.anti_join(latest, "session"), events.semi_join(latest, "session")
        train_is_empty = size == counts["kept"]
    if train_is_empty:
        raise empty_side("train", by)
    return Parts(
        train=train,
        test=test,
        events=int(counts["events"]),
        sessions=int(counts["sessions"]),
        too_long=int(counts["sessions"] - counts["kept"]),
        cutoff=float(cutoff),
        by=by,
    )

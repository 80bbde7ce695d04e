"""Step 3, sessionize: a session id for each event."""

import ibis
import ibis.expr.types as ir
from ibis import _

from model_export.data.ingestion.check import Events
from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.faults import input_error, shown
from model_export.data.layout import MAX_SESSION_EVENTS, Layout

SECONDS_PER_MINUTE = 60.0
_NUMBER = r"-\d+$"


def sessionize(events: Events, layout: Layout) -> ir.Table:
    """Return the table `session`, `item`, `type`, `time` and `place`.

    With a user column, each user's events are cut into sessions ``<user>-<n>``, n = 1, 2, .. in order of time, where
    they pause for longer than the gap. A running index has no gaps: there each user is one session.
    """
    table = events.table
    if layout.user is None:
        table = table.mutate(session=_.owner)
    elif not events.is_epoch:
        table = table.mutate(session=_.owner + "-1")
    else:
        order = {"group_by": "owner", "order_by": ["time", "place"]}
        pause = _.time - _.time.lag().over(ibis.window(**order))
        table = table.mutate(begins=(pause > layout.gap_minutes * SECONDS_PER_MINUTE).ifelse(1, 0))
        number = _.begins.sum().over(ibis.cumulative_window(**order)) + 1
        table = table.mutate(session=_.owner + "-" + number.cast("string"))
    return table.select("session", "item", "type", "time", "place")


def user_of(session: ir.StringValue) -> ir.StringValue:
    """Return the user of a session that was cut from a user's events."""
    return session.re_replace(_NUMBER, "")


def refuse_long_sessions(engine: Engine, sessions: ir.Table, layout: Layout) -> None:
    """Check that no session has more than `MAX_SESSION_EVENTS` events.

    Raises:
        InputError: naming the row with which the first such session begins.
    """
    counted = sessions.group_by("session").agg(events=_.count(), first=_.place.min())
    long = counted.filter(_.events > MAX_SESSION_EVENTS).order_by("first").limit(1)
    for row in engine.rows(long):
        location = engine.locate(row["first"])
        events = f"{row['events']:,} events, more than {MAX_SESSION_EVENTS:,}"
        what = f"session {shown(row['session'])}, which begins here, has {events}"
        raise input_error(location.file, what, place=location.place, column=", ".join(layout.owner))

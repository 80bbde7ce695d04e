"""Step 4, order: each session's events in order of time; duplicates and repeats are counted, and dropped if wanted."""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
from ibis import _

from model_export.data.ingestion.engine import Engine
from model_export.data.layout import Collapse
from nextitem.event_types import VIEW

UNITS_PER_SECOND = 1e6
SEPARATOR = "|"


@dataclass(frozen=True)
class Ordered:
    """Events in order.

    Attributes:
        table: `session`, `item`, `type`, `time`, `place`, and `nth`, which grows along each session.
        whole: the same with the events that were dropped.
        events: number of events before any was dropped.
        duplicates: number of the events that have session, item, time and type of the event before.
        repeats: number of the events that have item and type of the event before; duplicates count too.
        tied: number of the events that share their time with a neighbour of another item: their order is unknown.
    """

    table: ir.Table
    whole: ir.Table
    events: int
    duplicates: int
    repeats: int
    tied: int


def order_events(engine: Engine, sessions: ir.Table, collapse: Collapse | None) -> Ordered:
    """Order events, count duplicates and repeats, and drop what `collapse` says.

    Events of one time are in the order of a hash of session, time and item. The order of the rows would tell a model
    what comes next where a file is sorted by item; in the hash's order, no item is early in all sessions. Of one item,
    the view comes first.

    Args:
        engine: runs the count.
        sessions: `session`, `item`, `type`, `time` and `place`, from `sessionize`.
        collapse: what to drop; None: nothing.
    """
    moment = (_.time * UNITS_PER_SECOND).floor().cast("int64").cast("string")
    events = sessions.mutate(
        tie=(_.session + SEPARATOR + moment + SEPARATOR + _.item).hexdigest("md5"),
        follows=(_.type == VIEW).ifelse(0, 1),
    )
    along = ibis.window(group_by="session", order_by=["time", "tie", "follows", "type", "place"])
    before, after = events.item.lag().over(along), events.item.lead().over(along)
    same_time = (events.time == events.time.lag().over(along)).fill_null(False)
    ends_tie = (events.time == events.time.lead().over(along)).fill_null(False)
    same_item = (events.item == before).fill_null(False)
    repeats = same_item & (events.type == events.type.lag().over(along)).fill_null(False)
    marked = engine.kept(
        "ordered",
        events.select(
            "session",
            "item",
            "type",
            "time",
            "place",
            nth=ibis.row_number().over(along),
            repeats=repeats,
            duplicates=repeats & same_time,
            tied=(same_time & ~same_item) | (ends_tie & (events.item != after)),
        ),
    )
    flags = ("repeats", "duplicates", "tied")
    [counts] = engine.rows(
        marked.aggregate(events=_.count(), **{flag: marked[flag].ifelse(1, 0).sum() for flag in flags})
    )
    kept = marked if collapse in {None, "nothing"} else marked.filter(~marked[collapse])
    figures = {name: int(count) for name, count in counts.items()}
    return Ordered(kept.drop(*flags), marked.drop(*flags), **figures)

"""A summary of the events that were read: figures, and warnings that name the option that helps."""

from datetime import date
from itertools import pairwise
from typing import Any

import ibis
import ibis.expr.types as ir
from ibis import _

from model_export.data.ingestion.check import Events
from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.figures import Figures, Gap, Heavy, Lengths
from model_export.data.ingestion.order import Ordered
from model_export.data.ingestion.read import Rows
from model_export.data.ingestion.sessionize import user_of
from model_export.data.layout import MAX_SESSION_EVENTS, Layout
from model_export.data.split import DAY_SECONDS, first_day, last_day

HEAVIEST = 3
"""Users or sessions of most events that a summary names."""
LONG_SECONDS = DAY_SECONDS
MIN_GAP_DAYS = 3
"""Days without a session that are reported: a weekend is shorter."""
EPOCH = date(1970, 1, 1).toordinal()


def summarize(
    engine: Engine,
    rows: Rows,
    events: Events,
    ordered: Ordered,
    layout: Layout,
    max_session: int = MAX_SESSION_EVENTS,
) -> Figures:
    """Return the figures of the events, before the split and the filters.

    Args:
        engine: computes them, in a pass over the events and some over the sessions.
        rows: the rows that were read.
        events: the checked events.
        ordered: the events in order.
        layout: the options.
        max_session: longer sessions will be dropped: they make no user or session one of the heaviest.
    """
    table = ordered.table
    sessions = engine.kept(
        "spans", table.group_by("session").agg(start=_.time.min(), last=_.time.max(), events=_.count())
    )
    [items] = engine.rows(table.aggregate(items=_.item.nunique()))
    long = (_.last - _.start > float(LONG_SECONDS)).ifelse(1, 0)
    [totals] = engine.rows(sessions.aggregate(long=long.sum(), first=_.start.min(), last=_.last.max()))
    lengths = {
        int(row["events"]): int(row["sessions"])
        for row in engine.rows(sessions.group_by("events").agg(sessions=_.count()))
    }
    days = sessions_by_day(engine, sessions) if events.is_epoch else {}
    first, last = (first_day(days), last_day(days)) if days else (0, 0)
    kept = sum(size * count for size, count in lengths.items())
    cleaning = events.cleaning
    read = sum(rows.types.values()) if rows.types else cleaning.rows
    collapse = layout.collapse or "nothing"
    dropped = {
        "other types": read - cleaning.rows,
        "without ids": cleaning.dropped,
        collapse: ordered.events - kept,
    }
    return Figures(
        rows=read,
        dropped={reason: count for reason, count in dropped.items() if count},
        rewritten=cleaning.rewritten,
        about_values=tuple(cleaning.warnings),
        types=rows.types,
        kept_types=tuple(layout.labels),
        collapse=collapse,
        events=kept,
        sessions=sum(lengths.values()),
        items=int(items["items"]),
        is_epoch=events.is_epoch,
        by_user=layout.user is not None,
        first=_day(first) if days else f"{totals['first']:g}",
        last=_day(last) if days else f"{totals['last']:g}",
        early=sum(count for day, count in days.items() if day < first),
        late=sum(count for day, count in days.items() if day > last),
        earliest=_day(min(days)) if days else None,
        latest=_day(max(days)) if days else None,
        gaps=gaps(days, first, last),
        lengths=_lengths(lengths),
        duplicates=ordered.duplicates,
        repeats=ordered.repeats,
        tied=ordered.tied,
        long=int(totals["long"]) if events.is_epoch else 0,
        heaviest=_heaviest(engine, ordered, sessions.filter(_.events > max_session), layout),
    )


def sessions_by_day(engine: Engine, sessions: ir.Table) -> dict[int, int]:
    """Return the number of sessions by the UTC day of their `start`, in days since 1970."""
    by_day = sessions.mutate(day=(_.start / float(DAY_SECONDS)).floor()).group_by("day").agg(sessions=_.count())
    return {int(row["day"]): int(row["sessions"]) for row in engine.rows(by_day)}


def gaps(days: dict[int, int], first: int, last: int) -> tuple[Gap, ...]:
    """Return the periods without a session within `first` to `last`, the longest first."""
    there = sorted(day for day in days if first <= day <= last)
    between = [(after - before - 1, before) for before, after in pairwise(there)]
    return tuple(
        Gap(_day(before + 1), _day(before + length), length)
        for length, before in sorted(between, key=lambda gap: (-gap[0], gap[1]))
        if length >= MIN_GAP_DAYS
    )


def _heaviest(engine: Engine, ordered: Ordered, too_long: ir.Table, layout: Layout) -> tuple[Heavy, ...]:
    """Return the users (with their repeats) or sessions of most events, without the sessions that are too long."""
    table = (ordered.table if layout.user is None else ordered.whole).anti_join(too_long, "session")
    name = table.session if layout.user is None else user_of(table.session)
    counted = table.group_by(id=name).agg(events=_.count())
    rows: list[dict[str, Any]] = engine.rows(counted.order_by(ibis.desc("events"), "id").limit(HEAVIEST))
    return tuple(Heavy(str(row["id"]), int(row["events"])) for row in rows)


def _lengths(sessions: dict[int, int]) -> Lengths:
    total = sum(sessions.values())

    def quantile(share: float) -> int:
        seen = 0
        for length in sorted(sessions):
            seen += sessions[length]
            if seen >= share * total:
                return length
        return max(sessions)

    return Lengths(quantile(0.5), quantile(0.95), max(sessions), sessions.get(1, 0))


def _day(number: int) -> str:
    return date.fromordinal(min(max(number + EPOCH, 1), date.max.toordinal())).isoformat()

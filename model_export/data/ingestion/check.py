"""From a source's columns to events with an owner, an item and a time in seconds; what is wrong is told.

Knows nothing of sessions: `owner` is the session's id, or the user's.
"""

import ibis
import ibis.expr.types as ir

from model_export.data.columns import Columns
from model_export.data.eventfile.faults import listed, shown
from model_export.data.eventfile.reader import NO_VALUES
from model_export.data.eventfile.times import LATEST_SECOND
from model_export.data.preparation.engine import Engine
from model_export.data.preparation.sources import Source
from model_export.data.preparation.times import clock_of, seconds
from nextitem.errors import InputError
from nextitem.ids import MAX_ID_CHARS


def events_of(engine: Engine, sources: list[Source], columns: Columns) -> ir.Table:
    """Return the table `owner`, `item` (text), `time` (float64 seconds, or the running index) of all sources.

    Raises:
        InputError: a source has not the columns, or a value in one is wrong.
    """
    tables = _alike([_read(engine, one, columns) for one in sources], columns.time)
    events = engine.kept("raw_events", tables[0] if len(tables) == 1 else ibis.union(*tables))
    _check_ids(engine, events, columns)
    clock = clock_of(engine, events.time, columns.time)
    events = events.mutate(seconds=seconds(engine, events.time, clock))
    wrong = events.filter(~_fits(events.seconds)).order_by("text").limit(1).select("text")
    if (found := engine.row(wrong)) is not None:
        raise InputError(f"column {columns.time!r}: {shown(found['text'])} is not a time, or too far from 1970")
    return events.select("owner", "item", time=events.seconds)


def _read(engine: Engine, source: Source, columns: Columns) -> ir.Table:
    table = engine.read(source)
    for name in (columns.owner, columns.item, columns.time):
        if name not in table.columns:
            raise InputError(f"{source.name} has no column {shown(name)}; its columns are {listed(table.columns)}")
    for name in (columns.owner, columns.item):
        kind = table[name].type()
        if not (kind.is_string() or kind.is_integer() or kind.is_uuid()):
            raise InputError(f"{source.name}, column {name!r}: is of type {kind}, but ids must be text or integers")
    time = table[columns.time]
    if time.type().is_timestamp():
        time = time.cast("timestamp('UTC')")
    return table.select(
        owner=table[columns.owner].cast("string"),
        item=table[columns.item].cast("string"),
        time=time,
        text=time.cast("string"),
    )


def _alike(tables: list[ir.Table], name: str) -> list[ir.Table]:
    """Tables whose times are of one type: where one has text, whole numbers become text."""
    kinds = {table.time.type() for table in tables}
    if len(kinds) > 1 and all(kind.is_string() or kind.is_integer() for kind in kinds):
        return [table.mutate(time=table.time.cast("string")) for table in tables]
    if len(kinds) > 1:
        types = " and ".join(sorted(map(str, kinds)))
        raise InputError(f"column {name!r} is of one type in one source and of another in another: {types}")
    return tables


def _check_ids(engine: Engine, events: ir.Table, columns: Columns) -> None:
    """Refuse values that are no ids, and times that are missing, with one look at all events."""
    tests: dict[str, tuple[str, str, ir.BooleanValue]] = {}
    for field, name in (("owner", columns.owner), ("item", columns.item)):
        text = events[field]
        tests[f"{field}_empty"] = (name, "is empty", text.isnull() | (text.strip() == ""))
        tests[f"{field}_none"] = (name, f"is {' or '.join(NO_VALUES)}", text.strip().lower().isin(NO_VALUES))
        tests[f"{field}_nul"] = (name, "holds a NUL character", text.contains("\0"))
    item = events.item
    tests["item_long"] = (columns.item, f"has more than {MAX_ID_CHARS} characters", item.length() > MAX_ID_CHARS)
    tests["time_empty"] = (columns.time, "has no value", events.time.isnull())
    found = engine.row(
        events.aggregate(events=events.count(), **{key: test.ifelse(1, 0).sum() for key, (*_, test) in tests.items()})
    )
    if found is None or not found["events"]:
        raise InputError("there are no events")
    for key, (name, what, _) in tests.items():
        if count := found[key]:
            raise InputError(f"column {name!r} {what} in {count:,} of {found['events']:,} events")


def _fits(time: ir.FloatingValue) -> ir.BooleanValue:
    """NULL and NaN fit nothing: a comparison with either is never true."""
    inside = (time > -LATEST_SECOND) & (time < LATEST_SECOND)
    return inside.fill_null(False) & ~time.isnan().fill_null(True)

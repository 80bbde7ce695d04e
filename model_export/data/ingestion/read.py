"""Step 1, read: owner, item and time of every row, from all sources together."""

from dataclasses import dataclass
from functools import reduce

import ibis
import ibis.expr.types as ir

from model_export.data.ingestion.engine import PLACE, Engine
from model_export.data.ingestion.faults import input_error, shown
from model_export.data.ingestion.sources import Source
from model_export.data.ingestion.time_offset import add_offset
from model_export.data.layout import Layout
from nextitem.errors import InputError

SEPARATOR, ESCAPE = "|", "^"
"""The separator stands between the parts of a session id that several columns hold, and is escaped inside a part."""

OFFSET = "offset"

SHOWN_TYPES = 20
"""Types of events that an error lists."""


@dataclass(frozen=True)
class Rows:
    """The rows that count, not checked yet.

    Attributes:
        table: `owner` (the session's id, or the user's), `item`, `event` (text; NULL without a column of types), `time`
            (as the files hold it) and `place`.
        types: number of all rows by type of event, the most frequent first; empty without a column of types.
    """

    table: ir.Table
    types: dict[str, int]


def read_rows(engine: Engine, sources: list[Source], layout: Layout) -> Rows:
    """Read the columns of a layout, and keep the rows of the types that count.

    Raises:
        InputError: a file cannot be read, a column is missing or its type is wrong, or no row has a type that counts.
    """
    tables = _with_one_type_of_time([_read(engine, source, layout) for source in sources], layout.time)
    table = tables[0] if len(tables) == 1 else ibis.union(*tables)
    types = _types(engine, table) if layout.event is not None else {}
    if not layout.keep:
        return Rows(table, types)
    if absent := [kind for kind in layout.keep if kind not in types]:
        files = ", ".join(source.name for source in sources)
        there = ", ".join(f"{shown(kind)} {count:,}" for kind, count in list(types.items())[:SHOWN_TYPES])
        what = f"no event is of the type {shown(absent[0])}, which --keep names; the types are {there or 'none'}"
        raise input_error(files, what, column=layout.event)
    return Rows(table.filter(table.event.isin(layout.keep)), types)


def _types(engine: Engine, table: ir.Table) -> dict[str, int]:
    """Count the rows by type; a row without a type has the type ''."""
    counted = table.group_by(kind=table.event.fill_null("")).agg(rows=table.count())
    counts = {row["kind"]: int(row["rows"]) for row in engine.rows(counted)}
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _read(engine: Engine, source: Source, layout: Layout) -> ir.Table:
    owners = {f"owner_{place}": column for place, column in enumerate(layout.owner)}
    types = {} if layout.event is None else {"event": layout.event}
    names = {**owners, "item": layout.item, "time": layout.time, **types}
    if layout.time_offset is None:
        table = engine.read(source, names)
    else:
        table = engine.read(source, {**names, OFFSET: layout.time_offset})
        table = table.mutate(time=add_offset(engine, table.time, table[OFFSET])).drop(OFFSET)
    for name in (*owners, "item", *types):
        kind = table[name].type()
        if not (kind.is_string() or kind.is_integer() or kind.is_uuid()):
            what = "types of events" if name in types else "ids"
            raise input_error(
                source.name, f"is of type {kind}, but {what} must be text or integers", column=names[name]
            )
    kind = table.time.type()
    if not (kind.is_timestamp() or kind.is_date() or kind.is_string() or kind.is_numeric()):
        raise input_error(source.name, f"is of type {kind}, which is not a time", column=layout.time)
    time = table.time.cast("timestamp('UTC')") if kind.is_timestamp() else table.time
    owner = _joined([table[name].cast("string") for name in owners])
    event = table.event.cast("string") if types else ibis.null("string")
    table = table.mutate(owner=owner, item=table.item.cast("string"), event=event, time=time)
    return table.select("owner", "item", "event", "time", PLACE)


def _joined(parts: list[ir.StringValue]) -> ir.StringValue:
    """Return one id of several, so that different parts give different ids; NULL where a part is NULL."""
    first, *others = parts
    if not others:
        return first
    escaped = [part.replace(ESCAPE, ESCAPE * 2).replace(SEPARATOR, ESCAPE + SEPARATOR) for part in parts]
    return reduce(lambda text, part: text + SEPARATOR + part, escaped)


def _with_one_type_of_time(tables: list[ir.Table], column: str) -> list[ir.Table]:
    """Convert integer times to text if another source has text."""
    kinds = {table.time.type() for table in tables}
    if len(kinds) > 1 and all(kind.is_string() or kind.is_integer() for kind in kinds):
        return [table.mutate(time=table.time.cast("string")) for table in tables]
    if len(kinds) > 1:
        types = " and ".join(sorted(map(str, kinds)))
        raise InputError(f"column {column!r} has different types in different sources: {types}")
    return tables

"""Step 1, read: owner, item and time of every row, from all sources together."""

from functools import reduce

import ibis
import ibis.expr.types as ir

from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.faults import input_error
from model_export.data.ingestion.sources import Source
from model_export.data.layout import Layout
from nextitem.errors import InputError

SEPARATOR, ESCAPE = "|", "^"
"""The separator stands between the parts of a session id that several columns hold, and is escaped inside a part."""


def read_rows(engine: Engine, sources: list[Source], layout: Layout) -> ir.Table:
    """Return the table `owner`, `item` (text), `time` (as the files hold it) and `place`.

    `owner` is the session's id, or the user's.

    Raises:
        InputError: a file cannot be read, a column is missing, or its type is wrong.
    """
    tables = _with_one_type_of_time([_read(engine, source, layout) for source in sources], layout.time)
    return tables[0] if len(tables) == 1 else ibis.union(*tables)


def _read(engine: Engine, source: Source, layout: Layout) -> ir.Table:
    owners = {f"owner_{place}": column for place, column in enumerate(layout.owner)}
    names = {**owners, "item": layout.item, "time": layout.time}
    table = engine.read(source, names)
    for name in (*owners, "item"):
        kind = table[name].type()
        if not (kind.is_string() or kind.is_integer() or kind.is_uuid()):
            raise input_error(source.name, f"is of type {kind}, but ids must be text or integers", column=names[name])
    kind = table.time.type()
    if not (kind.is_timestamp() or kind.is_date() or kind.is_string() or kind.is_numeric()):
        raise input_error(source.name, f"is of type {kind}, which is not a time", column=layout.time)
    time = table.time.cast("timestamp('UTC')") if kind.is_timestamp() else table.time
    owner = _joined([table[name].cast("string") for name in owners])
    return table.mutate(owner=owner, item=table.item.cast("string"), time=time).drop(*owners)


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

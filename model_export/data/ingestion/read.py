"""Step 1, read: owner, item and time of every row, from all sources together."""

import ibis
import ibis.expr.types as ir

from model_export.data.columns import Columns
from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.faults import input_error
from model_export.data.ingestion.sources import Source
from nextitem.errors import InputError


def read_rows(engine: Engine, sources: list[Source], columns: Columns) -> ir.Table:
    """Return the table `owner`, `item` (text), `time` (as the files hold it) and `place`.

    `owner` is the session's id, or the user's.

    Raises:
        InputError: a file cannot be read, a column is missing, or its type is wrong.
    """
    tables = _with_one_type_of_time([_read(engine, source, columns) for source in sources], columns.time)
    return tables[0] if len(tables) == 1 else ibis.union(*tables)


def _read(engine: Engine, source: Source, columns: Columns) -> ir.Table:
    names = {"owner": columns.owner, "item": columns.item, "time": columns.time}
    table = engine.read(source, names)
    for name in ("owner", "item"):
        kind = table[name].type()
        if not (kind.is_string() or kind.is_integer() or kind.is_uuid()):
            raise input_error(source.name, f"is of type {kind}, but ids must be text or integers", column=names[name])
    kind = table.time.type()
    if not (kind.is_timestamp() or kind.is_date() or kind.is_string() or kind.is_numeric()):
        raise input_error(source.name, f"is of type {kind}, which is not a time", column=columns.time)
    time = table.time.cast("timestamp('UTC')") if kind.is_timestamp() else table.time
    return table.mutate(owner=table.owner.cast("string"), item=table.item.cast("string"), time=time)


def _with_one_type_of_time(tables: list[ir.Table], column: str) -> list[ir.Table]:
    """Convert integer times to text if another source has text."""
    kinds = {table.time.type() for table in tables}
    if len(kinds) > 1 and all(kind.is_string() or kind.is_integer() for kind in kinds):
        return [table.mutate(time=table.time.cast("string")) for table in tables]
    if len(kinds) > 1:
        types = " and ".join(sorted(map(str, kinds)))
        raise InputError(f"column {column!r} has different types in different sources: {types}")
    return tables

"""Changes that the check makes to rows, with their counts: missing ids dropped, ids of floats rewritten."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import ibis.expr.types as ir
from ibis import _

from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.faults import shown
from model_export.data.ingestion.id_checks import without_point

SEPARATOR, ESCAPE = "|", "^"
"""The separator stands between the parts of a session id that several columns hold, and is escaped inside a part."""


@dataclass(frozen=True)
class Cleaning:
    """Changes that the check made to rows.

    Attributes:
        rows: number of rows of the types that count.
        dropped: number of those that were dropped for a missing id.
        half_lost: names of the files that lost more than half of their rows.
        rewritten: by column, the number of ids such as 1234.0 that became 1234.
    """

    rows: int
    dropped: int
    half_lost: tuple[str, ...]
    rewritten: dict[str, int]

    @property
    def warnings(self) -> list[str]:
        """A sentence for each change that a user should look at."""
        lost = [f"{name}: more than half of the rows have no session (or user) or item id" for name in self.half_lost]
        return lost + [
            f"column {shown(column)}: {count:,} ids are whole numbers with a point; 1234.0 is read as 1234"
            for column, count in self.rewritten.items()
        ]


def files_half_lost(engine: Engine, rows: ir.Table, is_dropped: ir.BooleanValue) -> tuple[str, ...]:
    """Return the names of the files of which more than half of the rows are dropped, in order of their places."""
    files = rows.group_by(file=engine.file_key(rows.place)).agg(
        rows=_.count(), dropped=is_dropped.ifelse(1, 0).sum(), first=_.place.min()
    )
    lost = engine.rows(files.filter(_.dropped * 2 > _.rows).select("first"))
    return tuple(engine.file_of(place) for place in sorted(row["first"] for row in lost))


def clean_ids(table: ir.Table, owners: list[str], rewritten: Iterable[str]) -> ir.Table:
    """Return the table with `owner` in the place of its parts, and 1234 for 1234.0 in the columns of `rewritten`."""
    table = table.mutate(**{name: without_point(table[name]) for name in rewritten})
    return table.mutate(owner=_joined([table[name] for name in owners])).drop(*owners)


def _joined(parts: list[ir.StringValue]) -> ir.StringValue:
    """Return one id of several, so that different parts give different ids."""
    first, *others = parts
    if not others:
        return first
    escaped = [part.replace(ESCAPE, ESCAPE * 2).replace(SEPARATOR, ESCAPE + SEPARATOR) for part in parts]
    return reduce(lambda text, part: text + SEPARATOR + part, escaped)

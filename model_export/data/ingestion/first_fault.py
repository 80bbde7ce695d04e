"""The first fault of the rows, as an error with file, place, column and value."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import ibis.expr.types as ir

from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.faults import input_error, shown
from model_export.data.ingestion.read import OWNER
from model_export.data.layout import Layout


class Found(NamedTuple):
    """Rows of a kind.

    Attributes:
        place: of the first of them.
        rows: which rows they are.
    """

    place: Any
    rows: ir.BooleanValue


class Fault(NamedTuple):
    """A fault of some rows.

    Attributes:
        field: the column with the fault.
        what: the fault, as the end of a sentence that begins with the value; where there is another row, with ``{}``
            for its value and place.
        wrong: the rows.
        beside: other rows, which make them wrong.
    """

    field: str
    what: str
    wrong: Found
    beside: Found | None = None


def raise_first(engine: Engine, table: ir.Table, faults: Sequence[Fault], layout: Layout) -> None:
    """Raise the fault at the first place, if there is one; of several at one place, the first of the list.

    Raises:
        InputError: naming file, place and column.
    """
    if not faults:
        return
    fault = min(faults, key=lambda fault: fault.wrong.place)
    location = engine.locate(fault.wrong.place)
    text = _value(engine, table, fault.field, fault.wrong)
    what = fault.what
    if fault.beside is not None:
        other = engine.locate(fault.beside.place)
        where = other.place if other.file == location.file else f"{other.file}, {other.place}"
        what = what.format(f"{shown(_value(engine, table, fault.field, fault.beside))} in {where}")
    what = f"{shown(text)} {what}" if text.strip() else what
    raise input_error(location.file, what, place=location.place, column=_column(fault.field, layout))


def _value(engine: Engine, table: ir.Table, field: str, found: Found) -> str:
    chosen = table.filter(found.rows).order_by("place").limit(1)
    [row] = engine.rows(chosen.select(text=chosen[field].cast("string")))
    return row["text"] or ""


def _column(field: str, layout: Layout) -> str:
    if field.startswith(OWNER):
        return layout.owner[int(field.removeprefix(OWNER))]
    return layout.item if field == "item" else layout.time

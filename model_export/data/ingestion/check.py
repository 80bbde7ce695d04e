"""Step 2, check: every value is an id or a time; times become seconds."""

from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir

from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.faults import input_error, shown
from model_export.data.ingestion.times import ACCEPTED, LATEST_SECOND, form_of, largest_number, misfits, seconds
from model_export.data.layout import Layout
from model_export.data.sessions import FIRST_EPOCH_SECOND
from nextitem.errors import InputError
from nextitem.ids import MAX_ID_CHARS, MISSING_VALUES, REFUSED_CHARACTERS

NO_TIME = f"is not a time. {ACCEPTED}"
_SPACE = r"[\s\p{Z}]*"


@dataclass(frozen=True)
class Events:
    """Events whose values are checked.

    Attributes:
        table: `owner`, `item` (text), `time` (float64 seconds, or the running index) and `place`.
        is_epoch: False when the times are only a running index.
        whole: whether all times are whole numbers.
    """

    table: ir.Table
    is_epoch: bool
    whole: bool


@dataclass(frozen=True)
class _Test:
    """A column's values that are `wrong`, and their fault."""

    field: str
    what: str
    wrong: ir.BooleanValue


def check_rows(engine: Engine, rows: ir.Table, layout: Layout, files: str) -> Events:
    """Check all values in two passes, and turn times into seconds.

    Args:
        engine: runs the checks.
        rows: from `read.read_rows`.
        layout: the columns' names, for errors.
        files: the names of the sources, for errors.

    Raises:
        InputError: naming file, row and column of the first fault.
    """
    tests = {**_id_tests(rows), "no_time": _Test("time", "has no time", rows.time.isnull())}
    forms = {form: _Test("time", NO_TIME, wrong) for form, wrong in misfits(rows.time).items()}
    first, largest = rows.place.min(), largest_number(rows.time)
    [figures] = engine.rows(rows.aggregate(first=first, largest=largest, **_places(rows, {**tests, **forms})))
    if figures["first"] is None:
        raise InputError(f"{files}: has no events")
    form = form_of(rows.time, {form: figures[form] for form in forms}, figures["first"])
    tests |= {name: test for name, test in forms.items() if name == form}
    _raise_first(engine, rows, tests, figures, layout)
    time = seconds(engine, rows.time, form, figures["largest"])
    timed = rows.mutate(text=rows.time.cast("string"), time=_fits(time).ifelse(time, None))
    tests = {"time": _Test("text", NO_TIME, timed.time.isnull())}
    whole = (timed.time == timed.time.floor()).all()
    [figures] = engine.rows(timed.aggregate(last=timed.time.max(), whole=whole, **_places(timed, tests)))
    _raise_first(engine, timed, tests, figures, layout)
    return Events(timed.drop("text"), figures["last"] >= FIRST_EPOCH_SECOND, figures["whole"])


def _id_tests(rows: ir.Table) -> dict[str, _Test]:
    tests = {}
    for field in ("owner", "item"):
        text = rows[field]
        tests[f"{field}_empty"] = _Test(field, "is empty", text.isnull() | text.re_search(f"^{_SPACE}$"))
        missing = f"^{_SPACE}(?i:{'|'.join(MISSING_VALUES)}){_SPACE}$"
        tests[f"{field}_null"] = _Test(field, "is not an id", text.re_search(missing))
        tests[f"{field}_nul"] = _Test(field, "holds a NUL character", text.contains("\0"))
    what = "holds a control character, a line separator or U+FFFD"
    tests["item_character"] = _Test("item", what, rows.item.re_search(f"[{REFUSED_CHARACTERS}]"))
    too_long = rows.item.length() > MAX_ID_CHARS
    return {**tests, "item_long": _Test("item", f"has more than {MAX_ID_CHARS} characters", too_long)}


def _places(rows: ir.Table, tests: dict[str, _Test]) -> dict[str, ir.Scalar]:
    """Return the first place at which each test fails."""
    return {name: rows.place.min(where=test.wrong) for name, test in tests.items()}


def _raise_first(
    engine: Engine, rows: ir.Table, tests: dict[str, _Test], places: dict[str, Any], layout: Layout
) -> None:
    """Raise the fault at the first place, if there is one."""
    failed = [(places[name], test) for name, test in tests.items() if places[name] is not None]
    if not failed:
        return
    place, test = min(failed, key=lambda pair: pair[0])
    location = engine.locate(place)
    value = rows[test.field].cast("string")
    [row] = engine.rows(rows.filter(test.wrong).order_by("place").limit(1).select(text=value))
    text = row["text"] or ""
    what = f"{shown(text)} {test.what}" if text.strip() else test.what
    column = {"owner": ", ".join(layout.owner), "item": layout.item}.get(test.field, layout.time)
    raise input_error(location.file, what, row=location.row, column=column)


def _fits(time: ir.FloatingValue) -> ir.BooleanValue:
    """NULL and NaN fit nothing: a comparison with either is never true."""
    inside = (time > -LATEST_SECOND) & (time < LATEST_SECOND)
    return inside.fill_null(False) & ~time.isnan().fill_null(True)

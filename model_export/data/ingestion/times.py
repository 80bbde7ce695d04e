"""Times of events as Ibis expressions, from whatever the files hold to epoch seconds or a running index.

Says of a column what `eventfile.times` says of a file's; where that is lenient about ISO 8601, this asks for
one form that every engine reads alike. Knows nothing of sessions and items.
"""

from dataclasses import dataclass

import ibis.expr.types as ir

from model_export.data.eventfile.times import MICROSECONDS, NANOSECONDS, UNIT_LIMITS
from model_export.data.preparation.engine import Engine
from nextitem.errors import InputError

ISO = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})?)?$"
"""A date, or a date with time, fraction and zone; UTC where no zone is given."""
_INTEGER = r"^[+-]?\d{1,19}$"
_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_FORMS = {"integer": _INTEGER, "number": _NUMBER, "date": ISO}


@dataclass(frozen=True)
class Clock:
    """How a column's times become seconds.

    Attributes:
        units: of the column in a second; 1 for a running index.
        form: "integer", "number" or "date", for text; None where the column's type tells.
    """

    units: int
    form: str | None


def clock_of(engine: Engine, time: ir.Column, name: str) -> Clock:
    """Look at all times once.

    Args:
        engine: runs the look.
        time: the column, of any type that a file may have.
        name: the column's name, for errors.

    Raises:
        InputError: the type, or a value, is no time.
    """
    kind = time.type()
    if kind.is_timestamp() or kind.is_date():
        return Clock(MICROSECONDS, None)
    if kind.is_string():
        return _text_clock(engine, time, name)
    if not kind.is_numeric():
        raise InputError(f"column {name!r} is of type {kind}, which is not a time")
    number = time.cast("int64") if kind.is_integer() else time.cast("float64")
    found = engine.row(number.abs().max().name("largest").as_table()) or {}
    return Clock(_units(found.get("largest") or 0.0), None)


def _text_clock(engine: Engine, time: ir.Column, name: str) -> Clock:
    table = time.cast("string").strip().name("text").as_table()
    forms = {form: table.text.re_search(pattern) for form, pattern in _FORMS.items()}
    found = (
        engine.row(
            table.aggregate(
                rows=table.text.count(),
                largest=forms["number"].ifelse(table.text.try_cast("float64"), None).abs().max(),
                **{form: test.ifelse(1, 0).sum() for form, test in forms.items()},
                **{f"not_{form}": test.ifelse(None, table.text).min() for form, test in forms.items()},
            )
        )
        or {}
    )
    for form in _FORMS:
        if found[form] == found["rows"]:
            return Clock(MICROSECONDS if form == "date" else _units(found["largest"] or 0.0), form)
    likely = "date" if (found["date"] or 0) > (found["number"] or 0) else "number"
    raise InputError(f"column {name!r}: {found[f'not_{likely}']!r} is not a time like the others of its column")


def seconds(engine: Engine, time: ir.Column, clock: Clock) -> ir.FloatingValue:
    """Return float64 epoch seconds, or the running index as it is; NULL where there is no time.

    Args:
        engine: knows how a timestamp is counted.
        time: the column.
        clock: from `clock_of`.
    """
    kind = time.type()
    if kind.is_timestamp() or kind.is_date():
        return _scaled(engine.micros(time), MICROSECONDS)
    if clock.form == "date":
        text = time.cast("string").strip().upper()
        return _scaled(engine.micros(text.try_cast("timestamp('UTC')")), MICROSECONDS)
    if clock.form == "integer":
        return _scaled(time.cast("string").strip().try_cast("int64"), clock.units)
    if kind.is_integer():
        return _scaled(time.cast("int64"), clock.units)
    number = time.cast("string").strip().try_cast("float64") if kind.is_string() else time.cast("float64")
    return number / float(clock.units)


def _scaled(count: ir.IntegerValue, units: int) -> ir.FloatingValue:
    """Whole seconds and the rest apart: nanoseconds since 1970 are too long for a float64."""
    if units == 1:
        return count.cast("float64")
    rest = count % units
    whole = ((count - rest) / units).round()
    return whole.cast("float64") + rest.cast("float64") / float(units)


def _units(largest: float) -> int:
    return next((unit for limit, unit in UNIT_LIMITS if largest < limit), NANOSECONDS)

"""The times that event files may hold, and how they become epoch seconds or a running index."""

from typing import Any

import ibis
import ibis.expr.types as ir

from model_export.data.ingestion.engine import Engine

ACCEPTED = (
    "Accepted: ISO 8601 (2026-01-31 or 2026-01-31T09:30:00.5+01:00, UTC without a zone), "
    "epoch seconds to nanoseconds, or a running index, each at most 100 billion seconds from 1970."
)

UNIT_LIMITS = ((1e11, 1), (1e14, 1_000), (1e17, 1_000_000))
"""Pairs of a limit and the units per second of a column whose largest number is below the limit. Larger numbers are
nanoseconds. The first limit, in seconds, is the year 5138."""
NANOSECONDS = 1_000_000_000
MICROSECONDS = 1_000_000
LATEST_SECOND = UNIT_LIMITS[0][0]
"""Later times are refused: written as seconds, they would be read back as milliseconds."""

_DATE = (
    r"^\d{4}-\d{2}-\d{2}"
    r"([Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?([Zz]|UTC|[+-]\d{2}(:?\d{2})?))?)?$"
)
_FORMS = {
    "integer": r"^[+-]?\d{1,19}$",
    "number": r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$",
    "date": _DATE,
}
"""Forms of times as text. All times of a column have one form: the first one's."""


def misfits(time: ir.Column) -> dict[str, ir.BooleanValue]:
    """Return, for a column of texts, which values have not each form; nothing for other types."""
    if not time.type().is_string():
        return {}
    return {form: ~time.strip().re_search(pattern) for form, pattern in _FORMS.items()}


def form_of(time: ir.Column, places: dict[str, Any], first: Any) -> str:
    """Return the form of a column: "integer", "number" or "date".

    Args:
        time: the column.
        places: for texts, the first place of a misfit of each form; None where there is none.
        first: the first place of all, whose text decides where the forms are mixed.
    """
    kind = time.type()
    if not kind.is_string():
        return "integer" if kind.is_integer() else "number" if kind.is_numeric() else "date"
    whole = [form for form, place in places.items() if place is None]
    likely = [form for form in ("number", "date") if places[form] != first]
    return [*whole, *likely, "date"][0]


def largest_number(time: ir.Column) -> ir.FloatingScalar:
    """Return the largest number of a column, by magnitude; NULL where there is none."""
    kind = time.type()
    if kind.is_timestamp() or kind.is_date():
        return ibis.null("float64")
    numbers = time.strip().re_search(_FORMS["number"]).ifelse(time.strip(), None) if kind.is_string() else time
    return numbers.try_cast("float64").abs().max()


def seconds(engine: Engine, time: ir.Column, form: str, largest: float | None) -> ir.FloatingValue:
    """Return float64 epoch seconds, or the running index as it is; NULL or NaN where there is no time.

    Args:
        engine: counts the microseconds of timestamps.
        time: the column.
        form: from `form_of`.
        largest: the column's `largest_number`, which tells its unit.
    """
    value = time.strip() if time.type().is_string() else time
    units = next((unit for limit, unit in UNIT_LIMITS if (largest or 0.0) < limit), NANOSECONDS)
    if form == "date":
        micros = _micros_of_text(engine, value.upper()) if value.type().is_string() else engine.micros(value)
        return _scaled(micros, MICROSECONDS)
    if form == "integer":
        return _scaled(value.try_cast("int64"), units)
    return value.try_cast("float64") / float(units)


def _micros_of_text(engine: Engine, text: ir.StringValue) -> ir.IntegerValue:
    """Parse ISO 8601 part by part: engines agree on few of its forms."""
    clock = text.re_extract(r"[T ](\d{2}:\d{2}(:\d{2})?)", 1).nullif("").fill_null("00:00")
    clock = (clock.length() == len("00:00")).ifelse(clock + ":00", clock)
    fraction = (text.re_extract(r"\.(\d+)", 1).fill_null("") + "000000").substr(0, 6).cast("int64")
    zone = r"[T ].*([+-])(\d{2}):?(\d{2})?$"
    hours, minutes = (text.re_extract(zone, part).nullif("").fill_null("0").cast("int64") for part in (2, 3))
    sign = (text.re_extract(zone, 1) == "-").fill_null(False).ifelse(-1, 1)
    offset = sign * (hours * 60 + minutes) * 60 * MICROSECONDS
    moment = (text.substr(0, len("2026-01-31")) + " " + clock).try_cast("timestamp('UTC')")
    return engine.micros(moment) + fraction - offset


def _scaled(count: ir.IntegerValue, units: int) -> ir.FloatingValue:
    """Whole seconds and the rest apart: nanoseconds since 1970 are too long for a float64."""
    if units == 1:
        return count.cast("float64")
    rest = count % units
    whole = ((count - rest) / units).round()
    return whole.cast("float64") + rest.cast("float64") / float(units)

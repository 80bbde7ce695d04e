"""The times that event files may hold, and how they become epoch seconds or a running index.

Each value has a `Kind`, and all values of a column must have the same one. The kinds of numbers have ranges that do not
touch: a value between them is no time, so that one unit cannot run into the next.
"""

from enum import IntEnum
from typing import Any, NamedTuple

import ibis
import ibis.expr.types as ir

from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.time_parts import MICROSECONDS, seconds_of_digits, seconds_of_format, seconds_of_iso
from model_export.data.sessions import FIRST_EPOCH_SECOND
from model_export.data.time_format import TimeFormat

ACCEPTED = (
    "Accepted: ISO 8601 (2026-01-31, 2026-01-31 09:30:00.5+01:00, 20260131T093000Z; UTC without a zone), "
    "20260131093000, epoch seconds to nanoseconds, each from 1990 to 2444, or a running index below 631152000. "
    "--time-format takes other texts: --time-format '%m/%d/%Y %H:%M'."
)

LATEST_SECOND = 15_000_000_000.0
"""Times from 2445-05-01 02:40 on are refused: written as seconds, they would come near milliseconds."""
FIRST_DAY, LAST_DAY = 1990_01_01, 2099_12_31
"""The days that 8 digits can name; other numbers are a running index."""


class Kind(IntEnum):
    """Kind of a time. Times of several kinds in one column are a fault."""

    ABSENT = 0
    UNKNOWN = 1
    INDEX = 2
    SECONDS = 3
    MILLISECONDS = 4
    MICROSECONDS = 5
    NANOSECONDS = 6
    DAY = 7
    DIGITS = 8
    DATE = 9


DESCRIPTIONS = {
    Kind.INDEX: "a number below every time since 1990",
    Kind.SECONDS: "epoch seconds",
    Kind.MILLISECONDS: "epoch milliseconds",
    Kind.MICROSECONDS: "epoch microseconds",
    Kind.NANOSECONDS: "epoch nanoseconds",
    Kind.DAY: "a day of 8 digits",
    Kind.DIGITS: "a time of 12 or 14 digits",
    Kind.DATE: "a date",
}
UNITS = {Kind.MILLISECONDS: 1_000, Kind.MICROSECONDS: 1_000_000, Kind.NANOSECONDS: 1_000_000_000}
"""Units per second; of other numbers 1."""

_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_HOUR, _MINUTE, _ZONE = r"([01]\d|2[0-3])", r"[0-5]\d", r" ?([Zz]|UTC|utc|GMT|[+-](0\d|1[0-4])(:?[0-5]\d)?)"
_FRACTION = r"([.,]\d{1,9})?"
_ISO = rf"\d{{4}}-\d{{2}}-\d{{2}}([Tt ]{_HOUR}:{_MINUTE}(:{_MINUTE}{_FRACTION})?({_ZONE})?)?"
_BASIC = rf"\d{{8}}[Tt ]{_HOUR}{_MINUTE}({_MINUTE}{_FRACTION})?({_ZONE})?"
_DATE = rf"^({_ISO}|{_BASIC})$"


class Group(NamedTuple):
    """The values of one kind: their number, and the place of the first."""

    values: int
    first: Any


def with_kinds(rows: ir.Table, form: TimeFormat | None) -> ir.Table:
    """Return rows with the `Kind` of their `time` (text, number, date or timestamp) as `kind`; texts are stripped."""
    kind, columns = rows.time.type(), rows.columns
    # As columns of their own, stripped texts and numbers are computed once, not once for each test.
    rows = rows.mutate(time=rows.time.strip()) if kind.is_string() else rows
    if kind.is_timestamp() or kind.is_date():
        tests = [(rows.time.notnull(), Kind.DATE)]
    elif form is not None:
        tests = [(rows.time.cast("string").re_search(form.pattern), Kind.DATE)]
    else:
        number = rows.time.re_search(_NUMBER).ifelse(rows.time, None) if kind.is_string() else rows.time
        rows = rows.mutate(number=number.try_cast("float64"))
        tests = _kinds_of_number(rows.number)
        if kind.is_string():
            tests.append((rows.time.re_search(_DATE), Kind.DATE))
    cases = [(test, int(name)) for test, name in [(rows.time.isnull(), Kind.ABSENT), *tests]]
    return rows.mutate(kind=ibis.cases(*cases, else_=int(Kind.UNKNOWN))).select(*columns, "kind")


def is_integer(time: ir.Column) -> ir.BooleanValue:
    """Return which numbers have no fraction and no exponent, so that an int64 holds them, and no float64 has to."""
    kind = time.type()
    if kind.is_string():
        return ~(time.contains(".") | time.lower().contains("e"))
    return time.notnull() if kind.is_integer() else time.isnull()


def merge_days(groups: dict[Kind, Group]) -> dict[Kind, Group]:
    """Count days of 8 digits as a running index, where that has more other values: it runs past 20260101 by chance."""
    day, index = groups.get(Kind.DAY), groups.get(Kind.INDEX)
    if day is None or index is None or day.values > index.values:
        return groups
    merged = {**groups, Kind.INDEX: Group(day.values + index.values, min(day.first, index.first))}
    del merged[Kind.DAY]
    return merged


def seconds(engine: Engine, time: ir.Column, kind: Kind, form: TimeFormat | None, *, whole: bool) -> ir.FloatingValue:
    """Return float64 epoch seconds, or the running index as it is; NULL or NaN where there is no time.

    Args:
        engine: counts the microseconds of timestamps.
        time: the column, from `with_kinds`.
        kind: of all its values.
        form: the parts of its texts, if the user names them.
        whole: whether all values are integers, see `is_integer`.
    """
    if form is not None:
        return seconds_of_format(engine, time.cast("string"), form)
    if kind is Kind.DATE:
        if time.type().is_string():
            return seconds_of_iso(engine, time)
        return _scaled(engine.micros(time), MICROSECONDS)
    if kind in (Kind.DAY, Kind.DIGITS):
        digits = time.try_cast("float64").try_cast("int64").cast("string")
        return seconds_of_digits(engine, digits)
    units = UNITS.get(kind, 1)
    return _scaled(time.try_cast("int64"), units) if whole else time.try_cast("float64") / float(units)


def _kinds_of_number(number: ir.FloatingValue) -> list[tuple[ir.BooleanValue, Kind]]:
    """Return the ranges of the kinds; a NULL or NaN is in none."""
    is_day = number.between(FIRST_DAY, LAST_DAY) & (number == number.floor())
    is_day &= ((number / 100.0).floor() % 100.0).between(1, 12) & (number % 100.0).between(1, 31)
    inside = [(Kind.INDEX, -FIRST_EPOCH_SECOND, FIRST_EPOCH_SECOND)]
    for kind in (Kind.SECONDS, *UNITS):
        units = UNITS.get(kind, 1)
        inside.append((kind, FIRST_EPOCH_SECOND * units, LATEST_SECOND * units))
    inside += [(Kind.DIGITS, FIRST_DAY * clock, (LAST_DAY + 1) * clock) for clock in (1e4, 1e6)]  # hhmm, hhmmss
    return [(is_day, Kind.DAY), *(((number >= low) & (number < high), kind) for kind, low, high in inside)]


def _scaled(count: ir.IntegerValue, units: int) -> ir.FloatingValue:
    """Whole seconds and the rest apart: nanoseconds since 1970 are too long for a float64."""
    if units == 1:
        return count.cast("float64")
    rest = count % units
    whole = ((count - rest) / units).round()
    return whole.cast("float64") + rest.cast("float64") / float(units)

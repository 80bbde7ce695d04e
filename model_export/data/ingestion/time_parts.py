"""Times from their parts as text: engines agree on few forms of whole times.

Each part stands once in the expression of a time where that is possible. An engine repeats what is named twice, twice:
Spark once planned 97 kB of SQL for a format of six parts, which is 8 kB now.
"""

import ibis.expr.types as ir

from model_export.data.ingestion.engine import Engine
from model_export.data.time_format import MONTHS, TimeFormat

MICROSECONDS = 1_000_000
_TO_SECONDS = r"^\d{4}-?\d{2}-?\d{2}([Tt ]\d{2}:?\d{2}(:?\d{2})?)?"
"""The start of a time of ISO 8601, up to its fraction or zone."""


def seconds_of_iso(engine: Engine, text: ir.StringValue) -> ir.FloatingValue:
    """Return the seconds since 1970 of texts of ISO 8601, as float64; NULL where there is no such day."""
    start = text.re_extract(_TO_SECONDS, 0)
    rest = text.substr(start.length())
    fraction = rest.re_search("^[.,]").ifelse(_fraction(rest.re_extract(r"^.(\d+)", 1)), 0.0)
    offset = rest.re_search("[+-]").ifelse(_offset(rest.re_extract(r"[+-](.+)$", 1), rest.contains("-")), 0)
    # The usual form is cast as it is: to put it together from its parts takes five times as long.
    is_usual = start.length() == len("2026-01-31T09:30:00")
    spelt = is_usual.ifelse(start.left(10) + " " + start.right(8), _spelt(start.translate("-:Tt ", "")))
    return _whole_seconds(engine, spelt) - offset.cast("float64") + fraction


def seconds_of_format(engine: Engine, text: ir.StringValue, form: TimeFormat) -> ir.FloatingValue:
    """Return the seconds since 1970 of texts of a format, as float64; NULL where there is no such day."""

    def part(code: str) -> ir.StringValue:
        return text.re_extract(form.pattern, form.groups[code])

    def two_digits(code: str) -> ir.StringValue:
        return ("0" + part(code).strip()).right(2) if code in form.groups else text.left(0) + "00"

    year = part("Y") if "Y" in form.groups else (part("y") < "69").ifelse("20", "19") + part("y")
    names = form.groups.keys() & {"b", "B"}
    month = _month(part(names.pop())) if names else two_digits("m")
    hour = two_digits("H")
    if "I" in form.groups:
        from_noon = part("p").lower() == "pm"
        number = part("I").try_cast("int64") % 12 + from_noon.ifelse(12, 0)
        hour = ("0" + number.cast("string")).right(2)
    date = year + "-" + month + "-" + two_digits("d")
    seconds = _whole_seconds(engine, date + " " + hour + ":" + two_digits("M") + ":" + two_digits("S"))
    if "z" in form.groups:
        offset = _offset(part("z").re_extract(r"[+-](.+)", 1), part("z").contains("-"))
        seconds = seconds - offset.cast("float64")
    return seconds + _fraction(part("f")) if "f" in form.groups else seconds


def seconds_of_digits(engine: Engine, digits: ir.StringValue) -> ir.FloatingValue:
    """Return the seconds since 1970 of YYYYMMDD[hhmm[ss]], as float64; NULL where there is no such day."""
    return _whole_seconds(engine, _spelt(digits))


def _whole_seconds(engine: Engine, spelt: ir.StringValue) -> ir.FloatingValue:
    """Return the seconds of YYYY-MM-DD hh:mm:ss; exact, because a float64 holds each multiple of a million there."""
    return engine.micros(spelt.try_cast("timestamp")).cast("float64") / float(MICROSECONDS)


def _spelt(digits: ir.StringValue) -> ir.StringValue:
    """Return YYYY-MM-DD hh:mm:ss, which every engine reads."""
    padded = digits + "000000"
    # `substr` would name the text twice, in case it counts from the end
    part = [padded.left(end).right(2) for end in range(2, 16, 2)]
    date = part[0] + part[1] + "-" + part[2] + "-" + part[3]
    return date + " " + part[4] + ":" + part[5] + ":" + part[6]


def _month(name: ir.StringValue) -> ir.StringValue:
    """Return two digits of a month's name."""
    branches = [(month[:3], f"{number:02}") for number, month in enumerate(MONTHS, start=1)]
    return name.lower().left(3).cases(*branches)


def _fraction(digits: ir.StringValue) -> ir.FloatingValue:
    """Return the seconds of the digits after the point, up to microseconds; more are cut off."""
    return (digits + "000000").left(6).try_cast("int64").cast("float64") / float(MICROSECONDS)


def _offset(zone: ir.StringValue, is_negative: ir.BooleanValue) -> ir.IntegerValue:
    """Return the seconds by which a zone is before UTC, from hh, hhmm, hh:mm or nothing."""
    digits = zone.replace(":", "") + "0000"
    minutes = digits.left(2).try_cast("int64") * 60 + digits.left(4).right(2).try_cast("int64")
    return is_negative.ifelse(-1, 1) * minutes * 60

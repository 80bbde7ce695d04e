"""Times from their parts as text: engines agree on few forms of whole times."""

import ibis.expr.types as ir

from model_export.data.ingestion.engine import Engine
from model_export.data.time_format import MONTHS, TimeFormat

MICROSECONDS = 1_000_000
_TO_SECONDS = r"^\d{4}-?\d{2}-?\d{2}([Tt ]\d{2}:?\d{2}(:?\d{2})?)?"
"""The start of a time of ISO 8601, up to its fraction or zone."""


def micros_of_iso(engine: Engine, text: ir.StringValue) -> ir.IntegerValue:
    """Return the microseconds since 1970 of texts of ISO 8601; NULL where there is no such day."""
    start = text.re_extract(_TO_SECONDS, 0)
    rest = text.substr(start.length())
    fraction = rest.re_search("^[.,]").ifelse(_fraction(rest.re_extract(r"^.(\d+)", 1)), 0)
    offset = rest.re_search("[+-]").ifelse(_offset(rest.re_extract(r"[+-](.+)$", 1), rest.contains("-")), 0)
    # The usual form is cast as it is: to put it together from its parts takes five times as long.
    is_usual = start.length() == len("2026-01-31T09:30:00")
    spelt = is_usual.ifelse(start.substr(0, 10) + " " + start.substr(11), _spelt(start.translate("-:Tt ", "")))
    moment = engine.micros(spelt.try_cast("timestamp"))
    return moment + fraction - offset


def micros_of_format(engine: Engine, text: ir.StringValue, form: TimeFormat) -> ir.IntegerValue:
    """Return the microseconds since 1970 of texts of a format; NULL where there is no such day."""

    def part(code: str) -> ir.StringValue:
        return text.re_extract(form.pattern, form.groups[code])

    def two_digits(code: str) -> ir.StringValue:
        return ("0" + part(code)).right(2) if code in form.groups else text.substr(0, 0) + "00"

    year = part("Y") if "Y" in form.groups else (part("y") < "69").ifelse("20", "19") + part("y")
    names = form.groups.keys() & {"b", "B"}
    month = _month(part(names.pop())) if names else two_digits("m")
    hour = two_digits("H")
    if "I" in form.groups:
        from_noon = part("p").lower() == "pm"
        number = part("I").try_cast("int64") % 12 + from_noon.ifelse(12, 0)
        hour = ("0" + number.cast("string")).right(2)
    digits = year + month + two_digits("d") + hour + two_digits("M") + two_digits("S")
    micros = micros_of_digits(engine, digits)
    if "f" in form.groups:
        micros += _fraction(part("f"))
    if "z" in form.groups:
        micros -= _offset(part("z").re_extract(r"[+-](.+)", 1), part("z").contains("-"))
    return micros


def micros_of_digits(engine: Engine, digits: ir.StringValue) -> ir.IntegerValue:
    """Return the microseconds since 1970 of YYYYMMDD[hhmm[ss]]; NULL where there is no such day."""
    return engine.micros(_spelt(digits).try_cast("timestamp"))


def _spelt(digits: ir.StringValue) -> ir.StringValue:
    """Return YYYY-MM-DD hh:mm:ss, which every engine reads."""
    padded = digits + "000000"
    part = [padded.substr(start, 2) for start in range(0, 14, 2)]
    date = part[0] + part[1] + "-" + part[2] + "-" + part[3]
    return date + " " + part[4] + ":" + part[5] + ":" + part[6]


def _month(name: ir.StringValue) -> ir.StringValue:
    """Return two digits of a month's name."""
    branches = [(month[:3], f"{number:02}") for number, month in enumerate(MONTHS, start=1)]
    return name.lower().substr(0, 3).cases(*branches)


def _fraction(digits: ir.StringValue) -> ir.IntegerValue:
    """Return the microseconds of the digits after the point; more are cut off."""
    return (digits + "000000").substr(0, 6).try_cast("int64")


def _offset(zone: ir.StringValue, is_negative: ir.BooleanValue) -> ir.IntegerValue:
    """Return the microseconds by which a zone is before UTC, from hh, hhmm, hh:mm or nothing."""
    digits = zone.replace(":", "") + "0000"
    minutes = digits.substr(0, 2).try_cast("int64") * 60 + digits.substr(2, 2).try_cast("int64")
    return is_negative.ifelse(-1, 1) * minutes * (60 * MICROSECONDS)

"""A date in one column and milliseconds in another, as one time."""

import ibis.expr.types as ir

from model_export.data.ingestion.engine import Engine

MICROSECONDS_PER_MILLISECOND = 1_000


def add_offset(engine: Engine, time: ir.Value, offset: ir.Value) -> ir.StringValue:
    """Return epoch milliseconds as text; where either is wrong, both of them as text, which is no time.

    Args:
        engine: counts the microseconds of dates.
        time: dates, or times in ISO 8601 without a zone.
        offset: milliseconds.
    """
    date, added = time.cast("string").strip(), offset.cast("string").strip()
    start = engine.micros(date.try_cast("timestamp('UTC')"))
    begin = ((start - start % MICROSECONDS_PER_MILLISECOND) / MICROSECONDS_PER_MILLISECOND).round().cast("int64")
    return (begin + added.try_cast("int64")).cast("string").fill_null(date + " + " + added.fill_null("no milliseconds"))

"""Times of events, from whatever an event file holds to epoch seconds or a running index.

Knows nothing of sessions and items; it reads and checks the table `events(row, .., time)`.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_export.data.eventfile.database import Database
from model_export.data.eventfile.duckdb_table import INTEGER_TYPES
from model_export.data.eventfile.faults import fault, shown

UNIT_LIMITS = ((1e11, 1), (1e14, 1_000), (1e17, 1_000_000))
"""A number column whose largest magnitude is below the limit counts so many units a second; from
the last limit on it counts nanoseconds. In seconds the first limit is the year 5138."""

NANOSECONDS = 1_000_000_000
MICROSECONDS = 1_000_000

LATEST_SECOND = UNIT_LIMITS[0][0]
"""Later times are no times: written as seconds they would be read back as milliseconds."""

_NUMBER = r"^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$"
_INTEGER = r"^\s*[+-]?\d+\s*$"
_NOT_FINITE = r"^\s*[+-]?(nan|inf|infinity)\s*$"
_DATE = r"^\s*\d{4}-\d{2}-\d{2}"


def epoch_seconds(database: Database, time_type: str, path: Path, column: str) -> NDArray[np.float64]:
    """Times of all events, in order of their rows.

    Args:
        database: holds the table `events`.
        time_type: DuckDB type of its column `time`.
        path: the file, for errors.
        column: its time column, for errors.

    Returns:
        float64[events]: epoch seconds; a running index comes as it is.

    Raises:
        InputError: naming the first row whose time is missing, not finite or not a time.
    """
    _refuse(database, "time IS NULL", path, column, "has no time")
    value, per_second = _expression(database, time_type, path, column)
    _refuse(database, f"{value} IS NULL", path, column, "is not a time")
    values = database.column("SELECT $value FROM events ORDER BY row", value=value)
    if per_second is None:
        per_second = _units_per_second(values)
    seconds = _in_seconds(values, per_second)
    for wrong in np.flatnonzero(np.abs(seconds) >= LATEST_SECOND)[:1].tolist():
        _refuse(database, f"row = {wrong + 1}", path, column, "is not a time, it lies too far from 1970")
    return seconds


def _expression(database: Database, time_type: str, path: Path, column: str) -> tuple[str, int | None]:
    """SQL that gives a number for each time, NULL where it is none; and its units per second."""
    if time_type.startswith(("TIMESTAMP", "DATE")):
        _refuse(database, "NOT isfinite(time)", path, column, "is not a finite time")
        return "epoch_us(time)", MICROSECONDS
    if time_type in INTEGER_TYPES:
        return "TRY_CAST(time AS BIGINT)", None
    if time_type in ("FLOAT", "DOUBLE") or time_type.startswith("DECIMAL"):
        number = "CAST(time AS DOUBLE)"
        _refuse(database, f"NOT isfinite({number})", path, column, "is not a finite time")
        return number, None
    if time_type != "VARCHAR":
        raise fault(path, f"is of type {time_type}, which is not a time", column=column)
    return _text_expression(database, path, column)


def _text_expression(database: Database, path: Path, column: str) -> tuple[str, int | None]:
    """The same for text: the first row decides whether the column holds numbers or dates."""
    _refuse(database, f"regexp_matches(lower(time), '{_NOT_FINITE}')", path, column, "is not a finite time")
    [(numbers, integers)] = database.run(
        "SELECT bool_or(row = 1 AND regexp_matches(time, '$number')), "
        "bool_and(regexp_matches(time, '$integer')) FROM events",
        number=_NUMBER,
        integer=_INTEGER,
    )
    if integers:
        return "TRY_CAST(time AS BIGINT)", None
    if numbers:
        number = f"CASE WHEN regexp_matches(time, '{_NUMBER}') THEN TRY_CAST(time AS DOUBLE) END"
        _refuse(database, f"NOT isfinite({number})", path, column, "is not a finite time")
        return number, None
    date = f"CASE WHEN regexp_matches(time, '{_DATE}') THEN TRY_CAST(replace(time, 'z', 'Z') AS TIMESTAMPTZ) END"
    return f"epoch_us({date})", MICROSECONDS


def _refuse(database: Database, condition: str, path: Path, column: str, what: str) -> None:
    """Raise the fault of the first row that meets the condition, if there is one."""
    wrong = database.run(
        "SELECT row, CAST(time AS VARCHAR) FROM events WHERE $condition ORDER BY row LIMIT 1", condition=condition
    )
    for row, value in wrong:
        raise fault(path, what if value is None else f"{shown(value)} {what}", row=row, column=column)


def _units_per_second(values: NDArray[np.int64] | NDArray[np.float64]) -> int:
    largest = float(np.abs(values.astype(np.float64)).max())
    return next((unit for limit, unit in UNIT_LIMITS if largest < limit), NANOSECONDS)


def _in_seconds(values: NDArray[np.int64] | NDArray[np.float64], per_second: int) -> NDArray[np.float64]:
    if per_second == 1:
        return values.astype(np.float64)
    # Whole seconds and the rest apart: nanoseconds since 1970 are too long for a float64.
    whole, rest = np.divmod(values, per_second)
    return whole.astype(np.float64) + rest.astype(np.float64) / per_second

"""Reading an event file into sessions: the values are checked, coded and grouped.

Knows nothing of how a format is read (`table`) or a time is written (`times`).
"""

from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from model_export.data.columns import MAX_SESSION_EVENTS, Columns
from model_export.data.eventfile.database import Database, database, quoted
from model_export.data.eventfile.duckdb_table import load
from model_export.data.eventfile.faults import fault, shown
from model_export.data.eventfile.times import epoch_seconds
from model_export.data.sessions import FIRST_EPOCH_SECOND, Sessions
from nextitem.errors import InputError
from nextitem.ids import MAX_ID_CHARS

NO_VALUES = ("nan", "null")
"""Texts, in any case of letters, that other tools write for a missing value."""

SECONDS_PER_MINUTE = 60.0


def read_sessions(path: str | Path, columns: Columns | None = None) -> Sessions:
    """Read an event file.

    Times may be epoch seconds, milliseconds, microseconds or nanoseconds (told by the largest
    magnitude of the column), ISO 8601 (UTC where no zone is given), Parquet timestamps, or a
    running index.

    Args:
        path: a file that ends in .csv, .csv.gz or .parquet.
        columns: which columns to read; by default those that `Columns` names.

    Raises:
        InputError: on the first fault, naming file, row and column.
    """
    path, columns = Path(path), columns or Columns()
    with database() as opened:
        try:
            time_type = load(opened, path, columns)
            _check_ids(opened, path, columns.owner, "owner")
            _check_ids(opened, path, columns.item, "item")
            if columns.user is None:
                _check_lengths(opened, path, columns)
            times = epoch_seconds(opened, time_type, path, columns.time)
            catalogue = [item for (item,) in opened.run("SELECT DISTINCT item FROM events ORDER BY item")]
            ids = [owner for (owner,) in opened.run("SELECT owner FROM events GROUP BY owner ORDER BY min(row)")]
            codes = _codes(opened, "item", catalogue)
            owners = _codes(opened, "owner", ids).astype(np.int64)
        except duckdb.OutOfMemoryException:
            raise fault(path, "is too large for the memory of this machine") from None
    rows = np.arange(1, len(codes) + 1, dtype=np.int64)
    if columns.user is not None:
        ids, owners = _cut(ids, owners, times, rows, columns.gap_minutes)
        _check_cut_lengths(ids, owners, path, columns.user)
    return Sessions.from_events(catalogue=catalogue, ids=ids, owners=owners, codes=codes, times=times, rows=rows)


def _check_ids(database: Database, path: Path, column: str, field: str) -> None:
    no_values = ", ".join(f"'{text}'" for text in NO_VALUES)
    tests = {
        f"{field} IS NULL OR trim({field}) = ''": "is empty",
        f"lower(trim({field})) IN ({no_values})": "is not an id",
        f"contains({field}, chr(0))": "holds a NUL character",
    }
    if field == "item":
        tests[f"length({field}) > {MAX_ID_CHARS}"] = f"has more than {MAX_ID_CHARS} characters"
    wrong = database.run(
        "SELECT row, $field, what FROM (SELECT row, $field, CASE $whens END AS what FROM events) "
        "WHERE what IS NOT NULL ORDER BY row LIMIT 1",
        field=field,
        whens=" ".join(f"WHEN {test} THEN {quoted(what)}" for test, what in tests.items()),
    )
    for row, value, what in wrong:
        raise fault(path, what if not (value or "").strip() else f"{shown(value)} {what}", row=row, column=column)


def _check_lengths(database: Database, path: Path, columns: Columns) -> None:
    """Refuse a session that is none, before any of its events leave the database."""
    too_long = database.run(
        "SELECT owner, min(row), count(*) FROM events GROUP BY owner "
        "HAVING count(*) > $limit ORDER BY min(row) LIMIT 1",
        limit=MAX_SESSION_EVENTS,
    )
    for session, row, events in too_long:
        raise _too_long(path, columns.session, session, row, events)


def _check_cut_lengths(ids: list[str], owners: NDArray[np.int64], path: Path, column: str) -> None:
    counts = np.bincount(owners)
    for session in np.flatnonzero(counts > MAX_SESSION_EVENTS)[:1].tolist():
        row = int(np.flatnonzero(owners == session)[0]) + 1
        raise _too_long(path, column, ids[session], row, int(counts[session]))


def _too_long(path: Path, column: str, session: str, row: int, events: int) -> InputError:
    what = f"session {shown(session)}, which begins here, has {events:,} events, more than {MAX_SESSION_EVENTS:,}"
    return fault(path, what, row=row, column=column)


def _codes(database: Database, field: str, texts: list[str]) -> NDArray[np.int32]:
    """int32[events]: the place in `texts` of each event's value, in order of the rows."""
    known = f"known_{field}"
    database.offer(known, {"value": np.array(texts, dtype=object), "code": np.arange(len(texts), dtype=np.int32)})
    return database.column(
        "SELECT code FROM events JOIN $known ON $field = value ORDER BY row", known=known, field=field
    ).astype(np.int32)


def _cut(
    users: list[str],
    owners: NDArray[np.int64],
    times: NDArray[np.float64],
    rows: NDArray[np.int64],
    gap_minutes: float,
) -> tuple[list[str], NDArray[np.int64]]:
    """Cut each user's events into sessions ``<user>-<n>``, n = 1, 2, .. in order of time.

    Returns:
        Ids in order of the session's first row, and int64[events], the session of each event.
    """
    order = np.lexsort((rows, times, owners))
    user = owners[order]
    starts = np.concatenate(([True], user[1:] != user[:-1]))
    if np.any(times >= FIRST_EPOCH_SECOND):
        starts[1:] |= np.diff(times[order]) > gap_minutes * SECONDS_PER_MINUTE
    first = np.flatnonzero(starts)
    owner = user[first]
    number = np.arange(len(first)) - np.searchsorted(owner, owner) + 1
    by_first_row = np.argsort(np.minimum.reduceat(rows[order], first))
    place = np.empty(len(first), dtype=np.int64)
    place[by_first_row] = np.arange(len(first))
    sessions = np.empty(len(owners), dtype=np.int64)
    sessions[order] = place[np.cumsum(starts) - 1]
    ids = [f"{users[owner[cut]]}-{number[cut]}" for cut in by_first_row.tolist()]
    return ids, sessions

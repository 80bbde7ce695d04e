"""Read the sessions of a time window from the lake's files: only the folders of its hours are read.

A session is what one visit leaves: events under one name with no pause of `SessionWindow.idle_ms` between two of them.
It has ended when that time has passed since its last event. Times are those of arrival, by the store's clock, because
the lake's folders have them, too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import duckdb
import numpy as np
from numpy.typing import NDArray

from model_export.data.merged_files import is_merged, sources_of
from model_export.lake.collector import MAX_FILE_BYTES
from model_export.lake.parquet import COLUMNS
from model_export.lake.records import EVENTS, HOUR_MS, folder_of
from nextitem.errors import RegistryError

FILES_AT_ONCE = 512
MERGED_AT_ONCE = 3
"""Files of the collector, and merged ones, on the disk at a time: a Lambda function's /tmp has 512 MB, and few merged
files are larger than `merge.MERGED_BYTES`."""
ATTEMPTS = 10
"""To read an hour whose files the compaction merges meanwhile. Each but the first needs a merged file that is new."""
DOWNLOADS_AT_ONCE = 16


class LakeFiles(Protocol):
    """The files of a lake; each `ObjectReader` is one. Methods raise `RegistryUnavailable`."""

    def keys(self, prefix: str) -> list[str]:
        """Return all keys below a prefix that ends with a slash, sorted."""

    def download(self, key: str, path: Path, max_bytes: Callable[[], int]) -> bool:
        """Write a file's content to another; return False if there is no such key."""


@dataclass(frozen=True)
class SessionWindow:
    """Which sessions are read: those that ended in a window. All are milliseconds.

    Attributes:
        ended_after: the session's end comes after this epoch time.
        ended_by: and not after this one.
        idle_ms: the pause after which a session has ended.
        longest_ms: longer sessions are left out and counted. Without a bound, all of the lake would have to be read.
    """

    ended_after: int
    ended_by: int
    idle_ms: int = 1_800_000
    longest_ms: int = 14_400_000

    @property
    def read_from(self) -> int:
        """When the first event that must be read may have arrived, in epoch milliseconds.

        A session that is longer than `longest_ms` and ended in the window has an event within `idle_ms` of this time,
        so that what is read of it is too long as well.
        """
        return self.ended_after - 2 * self.idle_ms - self.longest_ms


@dataclass(frozen=True)
class LakeSessions:
    """Events of sessions, one row each: session by session, in the order of the session's log.

    Attributes:
        session: str[rows], the pseudonym, a slash, and the arrival of the session's first event.
        began: int64[rows], arrival of the session's first event.
        last: int64[rows], arrival of its last event.
        item_id, type, version, variant: str[rows], as in `Record`.
        occurred_at: int64[rows].
        rank: float64[rows], as in `Record`; infinity instead of 0, NaN instead of None. NaN, too, if the answer before
            was another version's or variant's, such as that of a visit before the experiment: it says nothing about
            the version of this session.
        clicked: bool[rows], of answers of the event's own version and variant.
        team: str[rows]; empty instead of None, and likewise.
        too_long: number of sessions that were left out because they are longer than the window's longest.
    """

    session: NDArray[np.str_]
    began: NDArray[np.int64]
    last: NDArray[np.int64]
    item_id: NDArray[np.str_]
    type: NDArray[np.str_]
    version: NDArray[np.str_]
    variant: NDArray[np.str_]
    occurred_at: NDArray[np.int64]
    rank: NDArray[np.float64]
    clicked: NDArray[np.bool_]
    team: NDArray[np.str_]
    too_long: int


def read_ended_sessions(lake: LakeFiles, window: SessionWindow) -> LakeSessions:
    """Read all events of the sessions that ended in a window.

    Raises:
        RegistryError: the lake cannot be read, or a file in it is damaged.
    """
    with events_between(lake, window.read_from, window.ended_by) as connection:
        connection.execute(_MARK_SESSIONS, {"idle": window.idle_ms})
        bounds = {"after": window.ended_after, "by": window.ended_by, "idle": window.idle_ms}
        connection.execute(_ENDED_SESSIONS, bounds)
        longest = {"longest": window.longest_ms}
        (too_long,) = connection.execute(
            "SELECT count(*) FROM ended WHERE last - began > $longest", longest
        ).fetchall()[0]
        columns = connection.execute(_ROWS, longest).fetchnumpy()

    def texts(name: str) -> NDArray[np.str_]:
        return np.asarray(columns[name], np.str_)

    def whole_numbers(name: str) -> NDArray[np.int64]:
        return np.asarray(columns[name], np.int64)

    return LakeSessions(
        session=texts("name"),
        began=whole_numbers("began"),
        last=whole_numbers("last"),
        item_id=texts("item_id"),
        type=texts("type"),
        version=texts("version"),
        variant=texts("variant"),
        occurred_at=whole_numbers("occurred_at"),
        rank=np.asarray(columns["place"], np.float64),
        clicked=np.asarray(columns["clicked"], np.bool_),
        team=texts("drafted_by"),
        too_long=int(too_long),
    )


@contextmanager
def events_between(lake: LakeFiles, since: int, until: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection whose table `events` has the events that arrived from `since` on and before `until`.

    The columns are those of `parquet.COLUMNS`; the times are epoch milliseconds.

    Raises:
        RegistryError: the lake cannot be read, or a file in it is damaged.
    """
    with duckdb.connect() as connection, ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        connection.execute(f"CREATE TABLE events ({columns})")
        folders = hour_folders(since, until)
        for folder, keys in zip(folders, pool.map(lake.keys, folders), strict=True):
            _insert_hour(connection, pool, lake, folder, keys, (since, until))
        yield connection


def hour_folders(since: int, until: int) -> list[str]:
    """Return the folders of the lake with the events that arrived from `since` on and before `until`."""
    hours = range(max(since, 0) // HOUR_MS, -(-max(until, 0) // HOUR_MS)) if since < until else ()
    times = (datetime.fromtimestamp(hour * HOUR_MS // 1000, UTC) for hour in hours)
    return [f"{EVENTS}date={time:%Y-%m-%d}/hour={time:%H}/" for time in times]


def _insert_hour(
    connection: duckdb.DuckDBPyConnection,
    pool: ThreadPoolExecutor,
    lake: LakeFiles,
    folder: str,
    keys: Sequence[str],
    times: tuple[int, int],
) -> None:
    """Insert the events of an hour, each once. If the compaction deletes a listed file meanwhile, begin again.

    A merged file is there before its sources are deleted, and is listed after them. So a listing whose files can all be
    read has each event, in a merged file or in a source that none of them names.
    """
    for _ in range(ATTEMPTS):
        if not keys:
            return
        connection.begin()
        if _inserted(connection, pool, lake, keys, times):
            connection.commit()
            return
        connection.rollback()
        keys = lake.keys(folder)
    raise RegistryError(f"the files of {folder} change all the time; does another program delete files of the lake?")


def _inserted(
    connection: duckdb.DuckDBPyConnection,
    pool: ThreadPoolExecutor,
    lake: LakeFiles,
    keys: Sequence[str],
    times: tuple[int, int],
) -> bool:
    """Insert the events of listed files; return False, with some inserted, if one is not there any more."""
    named: set[str] = set()
    for batch in _batches(list(filter(is_merged, keys)), MERGED_AT_ONCE):
        with _downloaded(pool, lake, batch) as paths:
            if paths is None:
                return False
            for key, path in paths.items():
                named |= {f"{folder_of(key)}{name}" for name in sources_of(connection, path, key)}
            _insert(connection, paths, times)
    others = [key for key in keys if not is_merged(key) and key not in named]
    for batch in _batches(others, FILES_AT_ONCE):
        with _downloaded(pool, lake, batch) as paths:
            if paths is None:
                return False
            _insert(connection, paths, times)
    return True


def _batches(keys: Sequence[str], length: int) -> Iterator[Sequence[str]]:
    return (keys[first : first + length] for first in range(0, len(keys), length))


@contextmanager
def _downloaded(pool: ThreadPoolExecutor, lake: LakeFiles, keys: Sequence[str]) -> Iterator[dict[str, Path] | None]:
    """Give copies of files by their keys; None if one of them is not there any more."""
    with TemporaryDirectory() as folder:
        paths = {key: Path(folder) / f"{number}.parquet" for number, key in enumerate(keys)}
        are_there = pool.map(lambda key: lake.download(key, paths[key], lambda: MAX_FILE_BYTES), keys)
        yield paths if all([*are_there]) else None


def _insert(connection: duckdb.DuckDBPyConnection, files: Mapping[str, Path], times: tuple[int, int]) -> None:
    names = ", ".join(COLUMNS)
    insert = f"INSERT INTO events SELECT {names} FROM read_parquet($paths) WHERE arrived_at >= $since AND arrived_at < $until"  # noqa: S608, E501 - our own names
    paths = [str(path) for path in files.values()]
    values: dict[str, Any] = {"paths": paths, "since": times[0], "until": times[1]}
    try:
        connection.execute(insert, values)
    except duckdb.Error as error:
        shown, keys = str(error), list(files)
        for key, path in files.items():
            shown = shown.replace(str(path), key)
        raise RegistryError(f"the lake cannot be read, from {keys[0]} to {keys[-1]}: {shown.splitlines()[0]}") from None


_MARK_SESSIONS = """
CREATE TABLE marked AS
SELECT *, sum(is_first) OVER (PARTITION BY session ORDER BY arrived_at, entry) AS number
FROM (
  SELECT *, CASE WHEN arrived_at - lag(arrived_at) OVER (PARTITION BY session ORDER BY arrived_at, entry) < $idle
    THEN 0 ELSE 1 END AS is_first
  FROM events
)
"""
_ENDED_SESSIONS = """
CREATE TABLE ended AS
SELECT session, number, min(arrived_at) AS began, max(arrived_at) AS last
FROM marked GROUP BY session, number
HAVING last + $idle > $after AND last + $idle <= $by
"""
_ROWS = """
SELECT session || '/' || began AS name, began, last, item_id, type, version, variant, occurred_at,
  clicked AND is_own AS clicked,
  CASE WHEN rank IS NULL OR NOT is_own THEN 'nan'::DOUBLE WHEN rank = 0 THEN 'inf'::DOUBLE ELSE rank END AS place,
  CASE WHEN is_own THEN coalesce(team, '') ELSE '' END AS drafted_by
FROM (
  SELECT *, coalesce(judged_version = version AND judged_variant = variant, false) AS is_own
  FROM marked JOIN ended USING (session, number)
  WHERE last - began <= $longest
)
ORDER BY name, occurred_at, arrived_at, CAST(split_part(entry, '-', 2) AS UBIGINT)
"""

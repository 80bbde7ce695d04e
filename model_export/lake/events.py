"""Read the events of a time window from the lake's files, each once: only the folders of its hours are read.

Times are those of arrival, by the store's clock, because the lake's folders have them, too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import duckdb

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

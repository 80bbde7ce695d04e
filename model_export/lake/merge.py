"""Merge the collector's files of each complete hour into few.

A merged file of an hour is `merged-<number>.parquet` beside its sources. Its footer names them, each with its
`Contents`. Readers leave out a source that a merged file of its folder names (`model_export.data.merged_files`), so
each event is there once at every moment:

1. List the hour. Read the footers of its merged files: the sources that they name are deleted, or will be. The others
   are left to merge.
2. Write some of these as the merged file with the next number, if its key is free. If it is taken, another compaction
   has merged at the same time, with the same knowledge: leave the hour to it.
3. Delete the sources. A crash before that leaves them to the next run, which finds them named.

So no source is named by two merged files: the writer of number n has read the footers of all before it. A merged file
is never merged again, and only the retention deletes it.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import duckdb

from model_export.data.merged_files import is_merged, merged_name, number_of, sources_of
from model_export.lake.collector import MAX_FILE_BYTES
from model_export.lake.parquet import merge_files
from model_export.lake.records import HOUR_MS, Deletion, folder_of, hour_end, is_source
from nextitem.aws.object_store import ObjectStore
from nextitem.errors import RegistryUnavailable

MERGE_AGE_MS = 3 * HOUR_MS
"""An hour is complete so long after its end: the collector runs every few minutes. Files that come later are merged by
the next run, into one more file."""
MERGED_BYTES = 64 << 20
"""A merged file takes sources until they have this size. With `AT_ONCE` files of the collector's more, some 10 MB, that
is what a merge has on the disk, twice."""
AT_ONCE = 16
"""Files that are downloaded or deleted at a time."""

logger = logging.getLogger(__name__)


class Lake(ObjectStore, Protocol):
    """The lake's bucket."""

    def delete(self, key: str) -> None:
        """Delete an object, if there is one."""


@dataclass(frozen=True)
class Merged:
    """The result: merged files that were written, sources that were deleted, and hours left for the next run."""

    written: int = 0
    sources: int = 0
    hours_left: int = 0

    def __add__(self, other: "Merged") -> "Merged":
        """Return the sum."""
        return Merged(self.written + other.written, self.sources + other.sources, self.hours_left + other.hours_left)


def merge_hours(
    lake: Lake,
    keys: Iterable[str],
    deletions: Collection[Deletion],
    now: int,
    *,
    is_over: Callable[[], bool],
    merged_bytes: int = MERGED_BYTES,
) -> Merged:
    """Merge the files of each hour that is complete and has several.

    Args:
        lake: the lake's bucket.
        keys: its files of events.
        deletions: one for each session; merged files do not have their events.
        now: epoch milliseconds.
        is_over: whether no further hour may begin.
        merged_bytes: size of sources from which on a merged file takes no further ones.

    Raises:
        RegistryUnavailable: the bucket did not answer, or has a file that is not the lake's. Run it again.
    """
    result = Merged()
    for folder, files in _hours_to_merge(keys, now).items():
        if is_over():
            result += Merged(hours_left=1)
        else:
            for part in _merge_hour(lake, folder, files, deletions, merged_bytes):
                result += part
    return result


def _hours_to_merge(keys: Iterable[str], now: int) -> Mapping[str, list[str]]:
    """Return the files of each complete hour that has several, a source among them."""
    hours: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        if is_source(key) or is_merged(key):
            hours[folder_of(key)].append(key)

    def is_to_merge(folder: str, files: list[str]) -> bool:
        end = hour_end(folder)
        return end is not None and end + MERGE_AGE_MS <= now and len(files) > 1 and any(map(is_source, files))

    return {folder: files for folder, files in hours.items() if is_to_merge(folder, files)}


def _merge_hour(
    lake: Lake, folder: str, files: list[str], deletions: Collection[Deletion], merged_bytes: int
) -> Iterator[Merged]:
    """Merge the files of an hour, and yield what each step did. It stops if another compaction is at work there."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        named: set[str] = set()
        number = 0
        for key in filter(is_merged, files):
            with TemporaryDirectory() as home, duckdb.connect() as connection:
                path = Path(home) / "merged.parquet"
                if not lake.download(key, path, lambda: MAX_FILE_BYTES):
                    return  # the retention of another compaction
                named |= {f"{folder}{name}" for name in sources_of(connection, path, key)}
            number = max(number, number_of(key) + 1)
        sources = list(filter(is_source, files))
        yield _delete(lake, pool, [key for key in sources if key in named])
        left = [key for key in sources if key not in named]
        while left:
            with TemporaryDirectory() as home:
                part = _downloaded(lake, pool, left, Path(home), merged_bytes)
                merged = Path(home) / "merged.parquet"
                if part is None or not _write(lake, f"{folder}{merged_name(number)}", part, merged, deletions):
                    logger.info("another compaction merges %s", folder)
                    return
            yield Merged(written=1) + _delete(lake, pool, list(part))
            number += 1
            left = left[len(part) :]


def _downloaded(
    lake: Lake, pool: ThreadPoolExecutor, keys: list[str], home: Path, merged_bytes: int
) -> dict[str, Path] | None:
    """Download the first files, up to a size, and return their paths by key; None if one is not there any more."""
    paths = {key: home / f"{number}.parquet" for number, key in enumerate(keys)}
    part: dict[str, Path] = {}
    size = 0
    while size < merged_bytes and (batch := keys[len(part) : len(part) + AT_ONCE]):
        if not all([*pool.map(lambda key: lake.download(key, paths[key], lambda: MAX_FILE_BYTES), batch)]):
            return None
        part |= {key: paths[key] for key in batch}
        size += sum(paths[key].stat().st_size for key in batch)
    return part


def _write(lake: Lake, key: str, part: Mapping[str, Path], merged: Path, deletions: Collection[Deletion]) -> bool:
    """Write a merged file, if its key is free."""
    try:
        merge_files({source.rpartition("/")[2]: path for source, path in part.items()}, merged, deletions)
    except (duckdb.Error, KeyError) as error:
        shown = str(error).splitlines()[0]
        raise RegistryUnavailable(
            f"the files of {folder_of(key)} cannot be merged: one is damaged, or is not the lake's: {shown}"
        ) from None
    return lake.create(key, merged)


def _delete(lake: Lake, pool: ThreadPoolExecutor, keys: list[str]) -> Merged:
    for _ in pool.map(lake.delete, keys):
        pass
    return Merged(sources=len(keys))

"""Bring the entries of a bucket's stream into the lake: each one once, also if the collector dies or runs twice.

1. The tombstones that wait are written to a file, which the compaction keeps for a day. They leave the store last (6),
   once the events from before them are in the lake; until then each run writes them again, to be kept for another day.
   That some are in two files changes nothing.
2. `Streams.read` marks the first entry of the stream as begun, unless an earlier run has, and returns entries.
3. The file of events has the id of the begun entry in its key and is written only if that key is free. If it is taken,
   an earlier run has written it, and its own footer says up to which entry.
4. The compaction may have merged that file into another one and deleted it, if the run that wrote it died long ago, or
   this one has slept. So if the hour is not a recent one, its merged files are asked *after* step 3. If one names the
   key, it counts, and its footer says up to which entry; readers leave out the file that step 3 may have written again,
   and the compaction deletes it.
5. `Streams.finish` removes the entries up to there and the mark, in one step. Entries that were removed meanwhile and
   are not in the file were trimmed unread, or cannot be read: they are counted as lost.
6. After the last file, `Streams.finish_tombstones` removes those of step 1.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar

import duckdb
import msgspec

from model_export.data.merged_files import Sources, is_merged, sources_of
from model_export.lake.parquet import Contents, contents_of, encode_file
from model_export.lake.records import (
    DELETIONS,
    EVENTS,
    HOUR_MS,
    Entry,
    UnreadableEntry,
    file_name,
    folder_of,
    hour_end,
    parse_entry,
    parse_tombstone,
    same_hour,
)
from nextitem.aws.object_store import ObjectStore
from nextitem.errors import RegistryUnavailable

MAX_FILE_BYTES = 1 << 28
RECENT_MS = HOUR_MS
"""Hours that ended less than this ago, by the collector's clock, have no merged files: the compaction merges them
`merge.MERGE_AGE_MS` after their end, so the two clocks may differ by two hours."""

_Parsed = TypeVar("_Parsed")
logger = logging.getLogger(__name__)


class Streams(Protocol):
    """The buckets' streams. Methods raise `StoreUnavailable`.

    Attributes:
        batch: maximum entries that `read` returns.
    """

    @property
    def batch(self) -> int:
        """See above."""

    def read(self, bucket: int) -> tuple[str, Sequence[Entry]] | None:
        """Return the id of the entry at which the file to be written begins, and entries; None if there are none.

        The first entry may be a later one: the stream has been trimmed since an earlier run marked it.
        """

    def finish(self, bucket: int, begun: str, contents: Contents) -> None:
        """Remove the entries of a file from the stream, unless another run has, and count those lost."""

    def tombstones(self, bucket: int) -> Sequence[Entry]:
        """Return the tombstones of the bucket that wait, oldest first."""

    def finish_tombstones(self, bucket: int, last: str) -> int:
        """Remove the tombstones up to the one with an id; return how many that were."""

    def now(self, bucket: int) -> int:
        """Return the time of the bucket's server, which entries get, in epoch milliseconds."""

    def lost(self, bucket: int) -> int:
        """Return the number of entries of the bucket that never reached the lake."""


@dataclass(frozen=True)
class Collected:
    """The result of a run: events and deletions written, entries that cannot be read, and all that were ever lost."""

    events: int = 0
    deletions: int = 0
    unreadable: int = 0
    lost: int = 0

    def __add__(self, other: "Collected") -> "Collected":
        """Return the sum."""
        return Collected(
            self.events + other.events,
            self.deletions + other.deletions,
            self.unreadable + other.unreadable,
            self.lost + other.lost,
        )


class MergedFiles:
    """The merged files of a lake. It reads each footer once.

    Args:
        lake: the lake's bucket.
        clock: gives epoch milliseconds.
    """

    def __init__(self, lake: ObjectStore, clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._lake, self._clock = lake, clock
        self._footers: dict[str, Sources] = {}

    def contents_of(self, key: str) -> Contents | None:
        """Return the entries of a file that was merged into another one before this call; None if it was not.

        Raises:
            RegistryUnavailable: the lake's bucket did not answer, or has a damaged file.
        """
        folder = folder_of(key)
        end = hour_end(folder)
        if end is not None and self._clock() < end + RECENT_MS:
            return None
        for merged in filter(is_merged, self._lake.keys(folder)):
            if merged not in self._footers:
                self._footers[merged] = self._footer(merged)
            if (found := self._footers[merged].get(key.removeprefix(folder))) is not None:
                return Contents(*found)
        return None

    def _footer(self, key: str) -> Sources:
        with TemporaryDirectory() as home, duckdb.connect() as connection:
            path = Path(home) / "merged.parquet"
            is_there = self._lake.download(key, path, lambda: MAX_FILE_BYTES)
            return sources_of(connection, path, key) if is_there else {}


def collect(streams: Streams, lake: ObjectStore, bucket: int, merged: MergedFiles | None = None) -> Collected:
    """Bring all entries of a bucket's stream into the lake that wait at the time of the call.

    Entries that arrive meanwhile may wait for the next run: else a busy stream would keep this one for ever, with many
    small files.

    Args:
        streams: the buckets' streams.
        lake: the lake's bucket.
        bucket: the stream's number.
        merged: those of the lake; one object for several streams spares downloads.

    Raises:
        StoreUnavailable: the store did not answer. The next run goes on.
        RegistryUnavailable: the lake's bucket did not answer, or has a file that is not the lake's.
    """
    merged = merged or MergedFiles(lake)
    tombstones = streams.tombstones(bucket)
    result = Collected()
    if tombstones:
        _write_deletions(streams, lake, bucket, tombstones)
    while (batch := streams.read(bucket)) is not None:
        begun, entries = batch
        chosen = same_hour(begun, entries)
        written = _collect_file(streams, lake, merged, bucket, begun, chosen)
        if written is None:
            continue
        result += written
        if len(chosen) == len(entries) < streams.batch:
            break
    if tombstones:
        result += Collected(deletions=streams.finish_tombstones(bucket, tombstones[-1][0]))
    return result + Collected(lost=streams.lost(bucket))


def _write_deletions(streams: Streams, lake: ObjectStore, bucket: int, tombstones: Sequence[Entry]) -> None:
    """Write the deletions of a bucket under the time of its server, unless another run has written just these."""
    deletions, unreadable = _parsed(tombstones, parse_tombstone)
    if unreadable:
        logger.warning("stream %d: %d tombstones have no known form, and delete nothing", bucket, unreadable)
    name = f"{streams.now(bucket)}-{tombstones[0][0]}-{tombstones[-1][0]}"
    lake.create(file_name(DELETIONS, bucket, name, "json"), msgspec.json.encode(deletions))


def _parsed(entries: Sequence[Entry], parse: Callable[[Entry], _Parsed]) -> tuple[list[_Parsed], int]:
    """Return what entries say, and how many cannot be read."""
    parsed: list[_Parsed] = []
    for entry in entries:
        with contextlib.suppress(UnreadableEntry):  # counted
            parsed.append(parse(entry))
    return parsed, len(entries) - len(parsed)


def _collect_file(
    streams: Streams, lake: ObjectStore, merged: MergedFiles, bucket: int, begun: str, entries: Sequence[Entry]
) -> Collected | None:
    """Write a file, unless an earlier run has: then finish that one, and return None."""
    records, unreadable = _parsed(entries, parse_entry)
    contents = Contents(len(records), entries[-1][0] if entries else begun)
    key = file_name(EVENTS, bucket, begun, "parquet")
    result: Collected | None = None
    written: Contents | None = contents
    if lake.create(key, encode_file(records, contents)):
        result = Collected(len(records), unreadable=unreadable)
    else:
        stored = lake.read(key, MAX_FILE_BYTES)
        written = None if stored is None else contents_of(stored.data, key)
    if (earlier := merged.contents_of(key)) is not None:
        result, written = None, earlier
    if written is None:
        raise RegistryUnavailable(
            f"{key} was there and is not any more; does another program delete files of the lake?"
        )
    streams.finish(bucket, begun, written)
    return result

"""Remove deleted sessions and old days from the lake, and merge its files (`merge`)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from model_export.lake.collector import MAX_FILE_BYTES
from model_export.lake.merge import Lake, merge_hours
from model_export.lake.parquet import without_deleted
from model_export.lake.records import DELETIONS, EVENTS, Deletion, date_of, written_at
from nextitem.aws.object_store import ObjectReader
from nextitem.errors import RegistryUnavailable

DAY_MS = 86_400_000
KEPT_MS = DAY_MS
"""Files of deletions are kept so long: events of a deleted session may still come, see `compact`."""


@dataclass(frozen=True)
class Compacted:
    """The result.

    Attributes:
        sessions: to forget.
        rewritten: files that held some of their events.
        expired: files that were too old.
        merged: files that were written instead of others.
        sources: these others, which were deleted.
        hours_left: hours whose files are left for the next run.
    """

    sessions: int = 0
    rewritten: int = 0
    expired: int = 0
    merged: int = 0
    sources: int = 0
    hours_left: int = 0


def compact(lake: Lake, now: int, retention_days: int, *, is_over: Callable[[], bool] = lambda: False) -> Compacted:
    """Delete files of days before the retention, merge those of complete hours, and remove deleted sessions from all.

    It reads every file that is left whenever there are deletions. Run it once a day: a deletion is then carried out
    within a day. Files of deletions that were written more than a day ago are dropped at its end. The collector writes
    a deletion again until all events from before it are in the lake, but for those of another bucket, from before a
    rotation of the key secret: if these come a whole day later, they stay.

    Deletions are read before any file, and merged files are written without their sessions. So a compaction that
    merges from older files than another one has rewritten brings back no session whose deletion was dropped, unless it
    takes a day.

    Args:
        lake: the lake's bucket.
        now: epoch milliseconds.
        retention_days: days that are kept, with that of `now`.
        is_over: whether to merge no further hour; deletions are carried out all the same.

    Raises:
        RegistryUnavailable: the bucket did not answer, another compaction changes its files, or one is damaged. Run it
            again.
    """
    first = f"{datetime.fromtimestamp(now // 1000, UTC).date() - timedelta(days=retention_days - 1):%Y-%m-%d}"
    files = [key for key in lake.keys(EVENTS) if date_of(key)]
    expired = [key for key in files if date_of(key) < first]
    for key in expired:
        lake.delete(key)
    kept = [key for key in files if date_of(key) >= first]
    merged = merge_hours(lake, kept, read_deletions(lake), now, is_over=is_over)
    read = {key: _deletions(_read(lake, key)) for key in lake.keys(DELETIONS)}
    deletions = _latest(deletion for part in read.values() for deletion in part)
    rewritten = 0
    if deletions:
        rewritten = sum(_forget(lake, key, deletions) for key in lake.keys(EVENTS) if date_of(key))
    for key in read:
        written = written_at(key)
        if written is None or written < now - KEPT_MS:  # one of another name was written by hand
            lake.delete(key)
    return Compacted(len(deletions), rewritten, len(expired), merged.written, merged.sources, merged.hours_left)


def read_deletions(lake: ObjectReader) -> list[Deletion]:
    """Return the newest deletion of each session that was not carried out in all files yet.

    Raises:
        RegistryUnavailable: the bucket did not answer, or a file of deletions is none.
    """
    return _latest(deletion for key in lake.keys(DELETIONS) for deletion in _deletions(_read(lake, key)))


def _latest(deletions: Iterable[Deletion]) -> list[Deletion]:
    """Return the newest deletion of each session."""
    return list({each.session: each for each in sorted(deletions, key=lambda each: each.deleted_at)}.values())


def _forget(lake: Lake, key: str, deletions: list[Deletion]) -> bool:
    """Rewrite a file without events of deleted sessions; return whether it held any."""
    stored = lake.read(key, MAX_FILE_BYTES)
    if stored is None:  # a merged file that was not listed may have its events
        raise RegistryUnavailable(f"{key} was deleted meanwhile: does another compaction run? Run this one again")
    kept = without_deleted(stored.data, key, deletions)
    if kept is None:
        return False
    if not lake.replace(key, kept, stored.etag):
        raise RegistryUnavailable(f"{key} was changed meanwhile; run the compaction again")
    return True


def _read(lake: ObjectReader, key: str) -> bytes:
    stored = lake.read(key, MAX_FILE_BYTES)
    return b"[]" if stored is None else stored.data


def _deletions(data: bytes) -> list[Deletion]:
    try:
        return msgspec.json.decode(data, type=list[Deletion])
    except msgspec.DecodeError as error:
        raise RegistryUnavailable(f"a file below {DELETIONS} is not a list of deletions: {error}") from None

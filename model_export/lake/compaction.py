"""Remove deleted sessions and old days from the lake."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from model_export.lake.collector import MAX_FILE_BYTES
from model_export.lake.parquet import without_deleted
from model_export.lake.records import DELETIONS, EVENTS, Deletion, date_of
from nextitem.aws.object_store import ObjectReader, ObjectStore
from nextitem.errors import RegistryUnavailable

DAY_MS = 86_400_000
KEPT_MS = DAY_MS
"""Deletions are kept so long: events of a deleted session may still wait in another bucket's stream, see `compact`."""


class Lake(ObjectStore, Protocol):
    """The lake's bucket."""

    def delete(self, key: str) -> None:
        """Delete an object, if there is one."""


@dataclass(frozen=True)
class Compacted:
    """The result: sessions to forget, files that held some of their events, and files that were too old."""

    sessions: int
    rewritten: int
    expired: int


def compact(lake: Lake, now: int, retention_days: int) -> Compacted:
    """Delete files of days before the retention, and the events of deleted sessions from all others.

    It reads every file that is left whenever there are deletions. Run it once a day: a deletion is then carried out
    within a day. Deletions older than a day are dropped at its end; a collector that is a whole day behind would bring
    events of a deleted session after that.

    Args:
        lake: the lake's bucket.
        now: epoch milliseconds.
        retention_days: days that are kept, with that of `now`.

    Raises:
        RegistryUnavailable: the bucket did not answer, or another program changes its files. Run it again.
    """
    first = f"{datetime.fromtimestamp(now // 1000, UTC).date() - timedelta(days=retention_days - 1):%Y-%m-%d}"
    files = lake.keys(EVENTS)
    expired = [key for key in files if date_of(key) and date_of(key) < first]
    for key in expired:
        lake.delete(key)
    notes = lake.keys(DELETIONS)
    read = {key: _deletions(_read(lake, key)) for key in notes}
    deletions = _latest(deletion for part in read.values() for deletion in part)
    rewritten = 0
    if deletions:
        rewritten = sum(_forget(lake, key, deletions) for key in files if key not in set(expired))
    for key, part in read.items():
        if all(deletion.deleted_at < now - KEPT_MS for deletion in part):
            lake.delete(key)
    return Compacted(len(deletions), rewritten, len(expired))


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
    if stored is None:
        return False
    kept = without_deleted(stored.data, deletions)
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

"""Copy the newest days of the lake to this machine, without the events of deleted sessions."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from model_export.data.ingestion.reader import read_sessions
from model_export.data.merged_files import is_merged, sources_of
from model_export.data.presets import PRESETS
from model_export.data.sessions import Sessions
from model_export.lake.collector import MAX_FILE_BYTES
from model_export.lake.compaction import read_deletions
from model_export.lake.parquet import without_deleted
from model_export.lake.records import EVENTS, Deletion
from model_export.progress import Phase, Work
from nextitem.aws.object_store import ObjectReader
from nextitem.errors import InputError

LAKE_LAYOUT = replace(PRESETS["lake"].layout, collapse="repeats")
"""The layout of the lake's files, read as `nextitem prepare` reads them."""
AT_ONCE = 16
"""Files that are downloaded at a time: most are small."""
DOWNLOADING = "downloading the lake"


def days_until(now: datetime, days: int) -> list[date]:
    """Return the newest UTC days, newest first, with that of `now`."""
    last = now.astimezone(UTC).date()
    return [last - timedelta(days=back) for back in range(days)]


def fetch_lake(bucket: ObjectReader, folder: Path, days: int, now: datetime, work: Work) -> list[Path]:
    """Copy the files of the newest days, in the lake's folders, and return them.

    Each event is in them once, also if the compaction merges files meanwhile: what a merged file names is left out.
    A DELETE holds at once: events of sessions that were deleted since the last compaction are left out.

    Args:
        bucket: the lake's bucket.
        folder: gets the folders ``date=.../hour=...``.
        days: number of UTC days, with that of `now`.
        now: with a time zone.
        work: follows the progress.

    Raises:
        RegistryError: the bucket cannot be read, or has a file that is not the lake's.
    """
    work.begin("listing the lake")
    deletions = read_deletions(bucket)
    files: dict[str, Path] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        are_all_there = False
        while not are_all_there:
            listed = pool.map(lambda day: bucket.keys(f"{EVENTS}date={day}/"), days_until(now, days))
            keys = sorted(key for found in listed for key in found if key.endswith(".parquet") and key not in files)
            work.plan([Phase(DOWNLOADING, len(keys))])
            copies = pool.map(lambda key: _fetch(bucket, key, folder, deletions), keys)
            for done, (key, file) in enumerate(zip(keys, copies, strict=True), 1):
                work.step(DOWNLOADING, done)
                if file is not None:
                    files[key] = file
            # Else the compaction has merged it, or the retention deleted it: the next listing lacks it
            are_all_there = all(key in files for key in keys)
    with duckdb.connect() as connection:
        for path in filter(is_merged, map(str, files.values())):
            for name in sources_of(connection, Path(path), path):
                Path(path).with_name(name).unlink(missing_ok=True)
    return [path for _, path in sorted(files.items()) if path.exists()]


def lake_sessions(bucket: ObjectReader, folder: Path, days: int, now: datetime, work: Work) -> Sessions:
    """Return the sessions of the newest days of the lake. See `fetch_lake`.

    Raises:
        InputError: there are none, or they cannot be read.
        RegistryError: the bucket cannot be read, or has a file that is not the lake's.
    """
    if not fetch_lake(bucket, folder, days, now, work):
        raise InputError(f"the lake has no events of the newest {days} days: name files with --events, or more --days")
    work.begin("reading the lake")
    return read_sessions(folder, LAKE_LAYOUT)


def _fetch(bucket: ObjectReader, key: str, folder: Path, deletions: list[Deletion]) -> Path | None:
    """Download a file; return None if it was merged or deleted meanwhile."""
    path = folder / key.removeprefix(EVENTS)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not bucket.download(key, path, lambda: MAX_FILE_BYTES):
        return None
    if deletions and (kept := without_deleted(path.read_bytes(), key, deletions)) is not None:
        path.write_bytes(kept)
    return path

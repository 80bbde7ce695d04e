"""The files of an hour become few, and a reader of the lake sees each event once, also while files are merged."""

import io
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model_export.data.ingestion.reader import read_sessions
from model_export.data.merged_files import is_merged, sources_of
from model_export.data.presets import PRESETS
from model_export.lake import events
from model_export.lake.collector import MergedFiles
from model_export.lake.compaction import Compacted, compact
from model_export.lake.events import events_between
from model_export.lake.merge import MERGE_AGE_MS, Merged, merge_hours
from model_export.lake.parquet import Contents
from model_export.lake.records import DELETIONS, EVENTS, HOUR_MS, Deletion, Record, file_name
from model_export.progress import Unwatched
from model_export.retraining.fetch import fetch_lake
from nextitem.errors import InputError, RegistryError, RegistryUnavailable
from tests.model_export.handmade import events_of
from tests.model_export.lake.memory_lake import MemoryLake
from tests.model_export.lake.test_reader import SCHEMA, record

START = 490_000 * HOUR_MS - 490_000 * HOUR_MS % (24 * HOUR_MS)
"""The begin of a day."""
RETENTION_DAYS = 30


def put(lake: MemoryLake, bucket: int, *records: Record) -> str:
    """Write a file as the collector does: `encode_file` takes 50 times as long."""
    key = file_name(EVENTS, bucket, records[0].entry, "parquet")
    footer = {"entries": str(len(records) + 1), "last": records[-1].entry}
    data = io.BytesIO()
    rows = pa.Table.from_pylist([msgspec.structs.asdict(each) for each in records], SCHEMA)
    pq.write_table(rows.replace_schema_metadata(footer), data)
    assert lake.create(key, data.getvalue())
    return key


def put_hours(lake: MemoryLake, hours: int, collections: int = 4, streams: int = 2) -> list[Record]:
    """Write the files of some hours: in each, some collections of some streams. Return the events."""
    records = []
    for number in range(hours * collections * streams):
        at = START + number // streams * HOUR_MS // collections
        records.append(record(f"s{number % 7}", at + number % streams, number, item_id=f"item-{number % 5}"))
        put(lake, number % streams, records[-1])
    return records


def merged_at(lake: MemoryLake, now: int, **values: Any) -> Merged:
    return merge_hours(lake, lake.keys(EVENTS), [], now, is_over=lambda: False, **values)


def entries_in(lake: MemoryLake) -> list[str]:
    with events_between(lake, START, START + 48 * HOUR_MS) as connection:
        return [entry for (entry,) in connection.execute("SELECT entry FROM events ORDER BY entry").fetchall()]


def saved(lake: MemoryLake, folder: Path) -> Path:
    """Write the lake to a folder, as a copy of the bucket."""
    for key, data in lake.objects.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data)
    return folder / EVENTS


@pytest.mark.slow
def test_a_day_becomes_a_file_for_each_hour() -> None:
    # GIVEN the files of a day
    lake = MemoryLake()
    records = put_hours(lake, 24)
    assert len(lake.objects) == 192
    # WHEN it is complete
    end = START + 24 * HOUR_MS
    assert compact(lake, end + MERGE_AGE_MS, RETENTION_DAYS) == Compacted(merged=24, sources=192)
    # THEN it has a file for each hour, with all events, and the next run has nothing to do
    assert sorted(lake.objects) == [f"{folder}merged-0000.parquet" for folder in sorted(folders(lake))]
    assert entries_in(lake) == sorted(each.entry for each in records)
    assert compact(lake, end + MERGE_AGE_MS, RETENTION_DAYS) == Compacted()


def folders(lake: MemoryLake) -> set[str]:
    return {f"{key.rpartition('/')[0]}/" for key in lake.objects}


def test_only_complete_hours_with_several_files_are_merged() -> None:
    lake = MemoryLake()
    put_hours(lake, 2)
    lake.create(f"{EVENTS}about.txt", b"another program's")
    put(lake, 0, record("a", START - HOUR_MS, 0))
    end = START + HOUR_MS
    assert merged_at(lake, end + MERGE_AGE_MS - 1) == Merged()
    assert merged_at(lake, end + MERGE_AGE_MS) == Merged(1, 8, 0)
    assert merge_hours(lake, lake.keys(EVENTS), [], end + 9 * HOUR_MS, is_over=lambda: True) == Merged(hours_left=1)


@pytest.mark.slow
def test_a_merged_file_has_a_bounded_size_and_a_file_that_comes_late_gets_another() -> None:
    # GIVEN an hour of more files than go into a merged one
    lake = MemoryLake()
    records = put_hours(lake, 1, collections=20)
    now = START + HOUR_MS + MERGE_AGE_MS
    size = sum(map(len, lake.objects.values()))
    # WHEN it is merged
    assert merged_at(lake, now, merged_bytes=size // 2) == Merged(2, 40, 0)
    late = put(lake, 3, record("late", START, 99))
    assert merged_at(lake, now) == Merged(1, 1, 0)
    # THEN each source is in one
    assert [key.rpartition("-")[2] for key in sorted(lake.objects)] == ["0000.parquet", "0001.parquet", "0002.parquet"]
    assert entries_in(lake) == sorted([*(each.entry for each in records), f"{START}-99"])
    # AND the collector finds what a source held
    assert MergedFiles(lake).contents_of(late) == Contents(2, f"{START}-99")
    assert MergedFiles(lake).contents_of(late.replace("-99", "-98")) is None


def test_the_collector_does_not_list_recent_hours() -> None:
    operations: list[str] = []
    lake = MemoryLake(lambda operation, _key: operations.append(operation))
    key = file_name(EVENTS, 0, f"{START}-0", "parquet")
    assert MergedFiles(lake, lambda: START + 2 * HOUR_MS - 1).contents_of(key) is None
    assert operations == []
    assert MergedFiles(lake, lambda: START + 2 * HOUR_MS).contents_of(key) is None
    assert operations == ["keys"]


@pytest.mark.slow
def test_all_readers_leave_out_sources_that_are_still_there(tmp_path: Path) -> None:
    # GIVEN a compaction that died before it deleted the sources
    lake = MemoryLake()
    records = put_hours(lake, 1)
    sources = dict(lake.objects)
    now = START + HOUR_MS + MERGE_AGE_MS
    merged_at(lake, now)
    lake.objects |= sources
    # THEN live readers, a retraining and `nextitem prepare` see each event once
    assert entries_in(lake) == sorted(each.entry for each in records)
    day = datetime.fromtimestamp(START / 1000, UTC)
    copies = fetch_lake(lake, tmp_path / "copy", 1, day, Unwatched())
    assert [path.name for path in copies] == ["merged-0000.parquet"]
    sessions = read_sessions(saved(lake, tmp_path / "bucket"), PRESETS["lake"].layout)
    assert sum(map(len, events_of(sessions))) == len(records)
    # AND the next one deletes them
    assert merged_at(lake, now) == Merged(0, 8, 0)
    assert list(map(is_merged, lake.objects)) == [True]


@pytest.mark.parametrize("at", range(8))
def test_readers_see_each_event_once_while_files_are_merged(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    # GIVEN a reader that a compaction overtakes before one of its downloads, with some files read already
    monkeypatch.setattr(events, "FILES_AT_ONCE", 3)
    monkeypatch.setattr(events, "DOWNLOADS_AT_ONCE", 1)
    lake = MemoryLake()
    records = put_hours(lake, 1)
    downloads: list[str] = []

    def overtaken(operation: str, key: str) -> None:
        if operation == "download":
            downloads.append(key)
            if len(downloads) == at + 1:
                merged_at(lake, START + HOUR_MS + MERGE_AGE_MS)

    assert entries_in(lake.seen_by(overtaken)) == sorted(each.entry for each in records)
    assert list(map(is_merged, downloads)).count(True) == 1


def named_in(data: bytes, folder: Path) -> dict[str, tuple[int, str]]:
    (folder / "file").write_bytes(data)
    with duckdb.connect() as connection:
        return dict(sources_of(connection, folder / "file", "a file"))


def test_a_merged_file_keeps_its_sources_when_a_session_is_deleted(tmp_path: Path) -> None:
    # GIVEN a deletion before and one after files are merged
    lake = MemoryLake()
    put_hours(lake, 1)
    now = START + HOUR_MS + MERGE_AGE_MS
    lake.create(file_name(DELETIONS, 0, f"{now}-a", "json"), msgspec.json.encode([Deletion("s1", now)]))
    assert compact(lake, now, RETENTION_DAYS) == Compacted(1, 0, 0, 1, 8, 0)
    before = named_in(next(data for key, data in lake.objects.items() if is_merged(key)), tmp_path)
    lake.create(file_name(DELETIONS, 0, f"{now}-b", "json"), msgspec.json.encode([Deletion("s2", now)]))
    assert compact(lake, now, RETENTION_DAYS) == Compacted(2, 1, 0)
    # THEN their events are gone
    (merged,) = (data for key, data in lake.objects.items() if is_merged(key))
    found = Counter(pq.read_table(io.BytesIO(merged)).column("session").to_pylist())
    assert found == {"s0": 2, "s3": 1, "s4": 1, "s5": 1, "s6": 1}
    # AND the file still names what it was merged from
    assert named_in(merged, tmp_path) == before
    assert len(before) == 8
    assert all(entries == 2 for entries, _ in before.values())


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    lake = MemoryLake()
    put_hours(lake, 1)
    (first, *_) = lake.keys(EVENTS)
    good, lake.objects[first] = lake.objects[first], b"damaged, but long enough to have a footer"
    with pytest.raises(RegistryUnavailable, match=r"hour=\d\d/ cannot be merged"):
        merged_at(lake, START + HOUR_MS + MERGE_AGE_MS)
    lake.objects[first] = good
    merged = f"{first.rpartition('/')[0]}/merged-0000.parquet"
    lake.create(merged, b"damaged, but long enough to have a footer")
    for read in (lambda: merged_at(lake, START + 9 * HOUR_MS), lambda: entries_in(lake)):
        with pytest.raises(RegistryError, match=merged):
            read()
    with pytest.raises(InputError, match=r"merged-0000\.parquet"):
        read_sessions(saved(lake, tmp_path), PRESETS["lake"].layout)

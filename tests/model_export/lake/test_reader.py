"""Sessions of a window are those that a plain reading of all events finds, and only folders of its hours are read."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model_export.lake.events import hour_folders
from model_export.lake.folder import LakeFolder
from model_export.lake.parquet import COLUMNS
from model_export.lake.reader import LakeSessions, SessionWindow, read_ended_sessions
from model_export.lake.records import EVENTS, HOUR_MS, Record, file_name
from nextitem.errors import InputError, ObjectTooLarge, RegistryError

START = 1_800_000_000_000
IDLE, LONGEST = 1_800_000, 3 * HOUR_MS
HOURS = 10
TYPES = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "BOOLEAN": pa.bool_(), "INTEGER": pa.int32()}
SCHEMA = pa.schema([(name, TYPES[kind]) for name, kind in COLUMNS.items()])

Row = tuple[object, ...]


def record(session: str, at: int, number: int, **values: object) -> Record:
    """Return an event that arrived at a time, the n-th of its millisecond."""
    fields = {
        "session": session,
        "event": f"{number:016x}",
        "item_id": f"item-{number}",
        "type": "view",
        "occurred_at": at,
        "arrived_at": at,
        "entry": f"{at}-{number}",
        "late": False,
        "version": "v1",
        "variant": "main",
        "rank": None,
        "clicked": False,
        "judged_version": None,
        "judged_variant": None,
        "placement": None,
        "team": None,
    }
    return Record(**fields | values)  # type: ignore[arg-type]


def write_lake(folder: Path, records: Iterable[Record]) -> LakeFolder:
    """Write files with the names that the collector gives: one hour and one bucket each."""
    files: dict[tuple[int, int], list[Record]] = defaultdict(list)
    for each in records:
        files[each.arrived_at // HOUR_MS, sum(each.session.encode()) % 3].append(each)
    (folder / EVENTS).mkdir(parents=True, exist_ok=True)
    for (_hour, bucket), part in files.items():
        path = folder / file_name(EVENTS, bucket, part[0].entry, "parquet")
        path.parent.mkdir(parents=True, exist_ok=True)
        # `encode_file` takes 50 times as long: DuckDB starts for each file
        pq.write_table(pa.Table.from_pylist([msgspec.structs.asdict(each) for each in part], SCHEMA), path)
    return LakeFolder(folder)


def some_records(rng: random.Random) -> list[Record]:
    """Return events of sessions that pause for just less, just as much, and more than the idle time."""
    records = []
    for name in range(40):
        at = START + rng.randrange(HOURS * HOUR_MS)
        for number in range(rng.randrange(1, 15)):
            at += rng.choice([0, 1, 60_000, IDLE - 1, IDLE - 1, IDLE, IDLE + 1, 4 * HOUR_MS])
            values = {
                "occurred_at": at - rng.choice([0, 0, 90_000]),
                "rank": rng.choice([None, 0, 1, 20]),
                "clicked": rng.random() < 0.3,
                "team": rng.choice([None, "champion", "challenger"]),
                "variant": rng.choice(["main", "challenger"]),
                "judged_version": rng.choice([None, "v1", "v1", "v0"]),
                "judged_variant": rng.choice([None, "main", "challenger"]),
            }
            records.append(record(f"s{name}", at, number, **values))
    return records


def plainly(records: Iterable[Record], window: SessionWindow) -> tuple[list[Row], int]:
    """Return the rows of a window's sessions and the number of those too long, from all events ever."""
    rows, too_long = [], 0
    for visit in visits(records, window.idle_ms):
        began, last = visit[0].arrived_at, visit[-1].arrived_at
        if not window.ended_after < last + window.idle_ms <= window.ended_by:
            continue
        if last - began > window.longest_ms:
            too_long += 1
            continue
        for event in sorted(visit, key=lambda event: (event.occurred_at, event.arrived_at)):
            is_own = (event.judged_version, event.judged_variant) == (event.version, event.variant)
            rank = str(float("nan") if event.rank is None or not is_own else float(event.rank or "inf"))
            team = event.team if is_own else None
            judged = (event.item_id, event.variant, rank, event.clicked and is_own, team or "")
            rows.append((f"{event.session}/{began}", began, last, *judged))
    return sorted(rows, key=lambda row: str(row[0])), too_long


def visits(records: Iterable[Record], idle_ms: int) -> Iterator[list[Record]]:
    """Yield the visits of all sessions."""
    by_name: dict[str, list[Record]] = defaultdict(list)
    for each in records:
        by_name[each.session].append(each)
    for events in by_name.values():
        visit: list[Record] = []
        for event in sorted(events, key=lambda event: (event.arrived_at, int(event.entry.partition("-")[2]))):
            if visit and event.arrived_at - visit[-1].arrived_at >= idle_ms:
                yield visit
                visit = []
            visit.append(event)
        yield visit


def rows_of(found: LakeSessions) -> list[Row]:
    ranks = found.rank.astype(str)
    columns = (found.item_id, found.variant, ranks, found.clicked, found.team)
    return list(zip(*(column.tolist() for column in (found.session, found.began, found.last, *columns)), strict=True))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.slow
def test_windows_hold_each_session_once_as_a_plain_reading_finds_them(tmp_path: Path, seed: int) -> None:
    # GIVEN a lake of a day, with sessions that pause for all kinds of times
    rng = random.Random(seed)
    records = some_records(rng)
    lake = write_lake(tmp_path, records)
    # WHEN it is read in windows, one after the other
    # Windows begin and end where sessions do
    bounds = sorted(visit[-1].arrived_at + IDLE for visit in rng.sample(list(visits(records, IDLE)), 2))
    names: list[str] = []
    for after, by in pairwise([START, *bounds, START + 200 * HOUR_MS]):
        window = SessionWindow(after, by, IDLE, LONGEST)
        found = read_ended_sessions(lake, window)
        # THEN each gives what all events of the lake say
        expected, too_long = plainly(records, window)
        assert rows_of(found) == expected
        assert found.too_long == too_long
        names += np.unique(found.session).tolist()
    # AND no session is in two of them
    assert len(names) == len(set(names)) > 40


class WatchedLake(LakeFolder):
    """Notes which files are read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.downloaded: list[str] = []

    def download(self, key: str, path: Path, max_bytes: Callable[[], int]) -> bool:
        self.downloaded.append(key)
        return super().download(key, path, max_bytes)


def test_only_folders_of_the_hours_of_a_window_are_read(tmp_path: Path) -> None:
    # GIVEN a lake with an event in each hour of three days
    hour = START // HOUR_MS
    write_lake(tmp_path, [record(f"s{number}", (hour + number) * HOUR_MS, 0) for number in range(72)])
    lake = WatchedLake(tmp_path)
    # WHEN a window of two hours is read
    window = SessionWindow((hour + 40) * HOUR_MS, (hour + 42) * HOUR_MS, IDLE, LONGEST)
    found = read_ended_sessions(lake, window)
    # THEN files of its hours are, and of the hours before it that its sessions may have begun in
    read = {key.rpartition("/")[0] for key in lake.downloaded}
    assert len(read) == 2 + 1 + 3
    # Sessions began at full hours, and end half an hour later
    assert sorted(np.unique(found.began).tolist()) == [(hour + 40) * HOUR_MS, (hour + 41) * HOUR_MS]


def test_an_hour_is_a_folder() -> None:
    at = int(datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC).timestamp() * 1000)
    assert hour_folders(at, at + 1) == ["lake/date=2026-01-31/hour=23/"]
    assert hour_folders(at, at + 1001) == ["lake/date=2026-01-31/hour=23/", "lake/date=2026-02-01/hour=00/"]
    assert hour_folders(at, at) == []


def test_a_lake_without_events_of_the_window_has_no_sessions(tmp_path: Path) -> None:
    lake = write_lake(tmp_path, [])
    assert rows_of(read_ended_sessions(lake, SessionWindow(START, START + 1))) == []


def test_a_folder_without_a_lake_and_a_damaged_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no lake"):
        LakeFolder(tmp_path)
    lake = write_lake(tmp_path, [record("s", START, 0)])
    (key,) = lake.keys(EVENTS)
    (tmp_path / key).write_bytes(b"damaged, but long enough to have a footer")
    with pytest.raises(RegistryError, match=key):
        read_ended_sessions(lake, SessionWindow(START, START + HOUR_MS, IDLE, LONGEST))
    assert lake.download("lake/nothing", tmp_path / "copy", lambda: 1) is False
    with pytest.raises(ObjectTooLarge):
        lake.download(key, tmp_path / "copy", lambda: 1)

"""After a DELETE and the compaction no file of the lake holds the session."""

import itertools
from datetime import UTC, datetime

import pytest

from model_export.lake.collector import MAX_FILE_BYTES, collect
from model_export.lake.compaction import DAY_MS, Compacted, compact
from model_export.lake.parquet import CLOCK_MARGIN_MS, Contents, encode_file
from model_export.lake.records import DELETIONS, EVENTS, HOUR_MS, Record, file_name
from model_export.lake.valkey_streams import ValkeyStreams
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import RegistryUnavailable
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.keys import KeyRing, SessionName
from nextitem.sessions.session import Answerer, Event
from nextitem.sessions.valkey_store import ValkeyStore
from tests.model_export.lake.rows import rows_of
from tests.nextitem.parts import NOW, SECRET, VERSION, everything, soon

BUCKETS = 3
LIMIT_DAYS = 30


def record(session: str, arrived_at: int) -> Record:
    entry = f"{arrived_at}-0"
    event = (session, "00", "tea", "view", NOW, arrived_at, entry, False)
    return Record(*event, VERSION, "main")


def put(lake: BotoObjectStore, *records: Record) -> str:
    key = file_name(EVENTS, 0, records[0].entry, "parquet")
    assert lake.create(key, encode_file(records, Contents(len(records), records[-1].entry)))
    return key


def forget(lake: BotoObjectStore, session: str, deleted_at: int) -> str:
    key = file_name(DELETIONS, 0, f"{deleted_at}-0", "json")
    assert lake.create(key, b'[{"session": "%s", "deleted_at": %d}]' % (session.encode(), deleted_at))
    return key


@pytest.mark.slow
def test_after_a_deletion_and_the_compaction_no_file_holds_the_session(
    store: ValkeyStore, streams: ValkeyStreams, lake: BotoObjectStore
) -> None:
    # GIVEN sessions in the lake, one of them from before and after a rotation of the key secret
    first = KeySecret(SECRET)
    rotated = KeySecret(b"another secret of tests", SECRET, None, first.lake_key)
    before, after = (
        KeyRing(lambda secret=secret: secret, 3600, lambda _error: None, lake_buckets=BUCKETS)  # type: ignore[misc]  # bound now
        for secret in (first, rotated)
    )
    name, answerer = SessionName("me"), Answerer(VERSION, "main")
    numbers = itertools.count()

    def add(ring: KeyRing, who: SessionName) -> None:
        event = Event("tea", f"{next(numbers)}")
        store.append(ring.keys(who).current, [event], VERSION, NOW, soon(), answerer)

    def run() -> None:
        for bucket in range(BUCKETS):
            collect(streams, lake, bucket)

    others = [SessionName(f"other-{number}") for number in range(20)]
    for who in (name, *others):
        add(before, who)
    run()
    add(after, name)
    pseudonym = after.keys(name).current.pseudonym
    assert pseudonym is not None

    # WHEN it is deleted, and the lake is collected and compacted
    keys = after.keys(name)
    store.delete(keys.current, soon(), keys.previous)
    run()
    assert [row["session"] for row in rows_of(lake)].count(pseudonym) == 2
    now = int(datetime.now(UTC).timestamp() * 1000)
    assert compact(lake, now, LIMIT_DAYS).sessions == 1

    # THEN no file of events has it, all others are there, and a day later no object names it
    assert sorted({row["session"] for row in rows_of(lake)}) == sorted(
        str(before.keys(who).current.pseudonym) for who in others
    )
    compact(lake, now + 2 * DAY_MS, LIMIT_DAYS)
    assert not any(pseudonym.encode() in data for data in everything(lake).values())
    assert lake.keys(DELETIONS) == []
    assert len(rows_of(lake)) == len(others)


def test_events_after_the_deletion_stay(lake: BotoObjectStore) -> None:
    put(lake, record("a", NOW), record("b", NOW), record("a", NOW + CLOCK_MARGIN_MS), record("a", NOW + 9_999))
    put(lake, record("b", NOW + HOUR_MS))
    forget(lake, "a", NOW - 5_000)
    forget(lake, "a", NOW)
    assert compact(lake, NOW + DAY_MS, LIMIT_DAYS) == Compacted(1, 1, 0)
    assert [(row["session"], row["arrived_at"] - NOW) for row in rows_of(lake)] == [
        ("b", 0),
        ("a", 9_999),
        ("b", HOUR_MS),
    ]


def test_a_deletion_is_kept_for_a_day_for_events_that_come_later(lake: BotoObjectStore) -> None:
    note = forget(lake, "a", NOW)
    assert compact(lake, NOW + DAY_MS, LIMIT_DAYS) == Compacted(1, 0, 0)
    put(lake, record("a", NOW - 1))
    assert lake.keys(DELETIONS) == [note]
    assert compact(lake, NOW + DAY_MS + 1, LIMIT_DAYS) == Compacted(1, 1, 0)
    assert rows_of(lake) == []
    assert lake.keys(DELETIONS) == []


def test_days_before_the_retention_are_deleted(lake: BotoObjectStore) -> None:
    put(lake, record("a", NOW - 2 * DAY_MS))
    kept = [put(lake, record("a", NOW - DAY_MS)), put(lake, record("a", NOW))]
    lake.create("lake/about.txt", b"another program's")
    assert compact(lake, NOW, 2) == Compacted(0, 0, 1)
    assert lake.keys(EVENTS) == ["lake/about.txt", *kept]


def test_a_damaged_file_is_named_and_the_deletion_stays(lake: BotoObjectStore) -> None:
    waiting = forget(lake, "s", NOW)
    key = put(lake, record("s", NOW))
    stored = lake.read(key, MAX_FILE_BYTES)
    assert stored is not None
    assert lake.replace(key, b"damaged, but long enough to have a footer", stored.etag)
    with pytest.raises(RegistryUnavailable, match=f"{key} is damaged, or is not a file of the lake"):
        compact(lake, NOW + HOUR_MS, LIMIT_DAYS)
    assert lake.keys(DELETIONS) == [waiting]

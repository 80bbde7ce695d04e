"""Each entry of a stream is in the lake once, or counted as lost, also if collectors die or run at the same time."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from devstack.services.valkey import Valkey
from model_export.lake.collector import Collected, collect
from model_export.lake.compaction import KEPT_MS, compact, read_deletions
from model_export.lake.records import DELETIONS, EVENTS, file_name, time_of, written_at
from model_export.lake.valkey_streams import ValkeyStreams
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.aws.object_store import StoredObject
from nextitem.errors import RegistryUnavailable
from nextitem.sessions.codec import event_tag, recommendation_id
from nextitem.sessions.event_stream import bucket_tag, stream_key, tombstones_key
from nextitem.sessions.session import Answerer, Event, Impression, SessionKey
from nextitem.sessions.valkey_store import ValkeyStore
from tests.model_export.lake.rows import rows_of
from tests.nextitem.parts import HASH_KEY, NOW, STEADY, VERSION, soon

RETENTION_DAYS = 30
BUCKETS = itertools.count(100)
"""Each test has a bucket of its own."""


def key_in(bucket: int, name: str = "a") -> SessionKey:
    return SessionKey(f"nextitem:{bucket_tag(bucket)}{name}", HASH_KEY, pseudonym=f"{name:0>16}")


def add(store: ValkeyStore, key: SessionKey, *events: Event) -> bytes:
    """Add events; return the chain value after them."""
    appended = store.append(key, events, VERSION, NOW, soon(), Answerer(VERSION, "main"))
    return appended.session.log[-1].chain


def test_a_record_has_what_the_session_and_its_answer_say(
    store: ValkeyStore, streams: ValkeyStreams, lake: BotoObjectStore
) -> None:
    # GIVEN a session with an answer, a click on it, and a late event
    bucket = next(BUCKETS)
    key = key_in(bucket)
    chain = add(store, key, Event("tea", "1", NOW))
    answer = recommendation_id(key.hash_key, chain, "v-before", "trial", "home")
    shown = Impression(chain, answer, "v-before", "trial", ("mug", "pot"), "home", "cx")
    assert store.save(key, VERSION, None, soon(), shown).result(soon())
    add(store, key, Event("pot", "2", NOW + 10, answer, "cart"), Event("jar", "3", NOW + 5))

    # WHEN they are collected
    assert collect(streams, lake, bucket) == Collected(events=3)

    # THEN each has all that is known of it
    rows = rows_of(lake)
    common = {"session": "000000000000000a", "version": VERSION, "variant": "main"}
    none = {"rank": None, "clicked": False, "judged_version": None, "judged_variant": None, "placement": None}
    none |= {"team": None}
    judged = {"judged_version": "v-before", "judged_variant": "trial", "placement": "home"}
    judged |= {"team": "challenger"}
    found = [{name: value for name, value in row.items() if name not in {"entry", "arrived_at"}} for row in rows]
    tags = [event_tag(HASH_KEY, name).hex() for name in "123"]
    assert found == [
        common | none | {"event": tags[0], "item_id": "tea", "type": "view", "occurred_at": NOW, "late": False},
        common
        | judged
        | {"event": tags[1], "item_id": "pot", "type": "cart", "occurred_at": NOW + 10, "late": False}
        | {"rank": 2, "clicked": True},
        common | none | {"event": tags[2], "item_id": "jar", "type": "view", "occurred_at": NOW + 5, "late": True},
    ]
    assert all(row["entry"].startswith(f"{row['arrived_at']}-") for row in rows)


def take_the_key_of_an_event(store: ValkeyStore, streams: ValkeyStreams, lake: BotoObjectStore, bucket: int) -> str:
    """Add an event, and put something else where its file would be; return the key."""
    add(store, key_in(bucket), Event("tea", "1"))
    batch = streams.read(bucket)
    assert batch is not None
    key = file_name(EVENTS, bucket, batch[0], "parquet")
    lake.create(key, b"damaged, but long enough to have a footer")
    return key


class Crash(Exception):
    """The collector dies."""


class FaultyLake:
    """A lake whose next write fails before or after it was made, or after another collector has run."""

    def __init__(self, inner: BotoObjectStore, fault: str, rival: Callable[[], object]) -> None:
        self._inner, self._fault, self._rival = inner, fault, rival

    def create(self, key: str, data: bytes | Path) -> bool:
        fault, self._fault = self._fault, ""
        if fault == "before":
            raise Crash
        if fault == "rival":
            self._rival()
        created = self._inner.create(key, data)
        if fault == "after":
            raise Crash
        if fault == "rival after":
            self._rival()
        return created

    def read(self, key: str, max_bytes: int) -> StoredObject | None:
        return self._inner.read(key, max_bytes)

    def download(self, key: str, path: Path, max_bytes: Callable[[], int]) -> bool:
        return self._inner.download(key, path, max_bytes)

    def keys(self, prefix: str) -> list[str]:
        return self._inner.keys(prefix)

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        return self._inner.replace(key, data, etag)


STEPS = st.one_of(
    st.tuples(st.just("add"), st.integers(1, 12)),
    st.tuples(st.just("trim"), st.integers(0, 6)),
    st.tuples(st.sampled_from(["before", "after", "rival", "rival after", "no fault"]), st.just(0)),
)


@pytest.mark.slow
@settings(STEADY, max_examples=40)
@given(st.lists(STEPS, min_size=2, max_size=10))
def test_each_entry_is_in_the_lake_once_or_counted_as_lost(
    store: ValkeyStore, streams: ValkeyStreams, s3: object, valkey: Valkey, steps: list[tuple[str, int]]
) -> None:
    bucket, numbers = next(BUCKETS), itertools.count()
    name = f"lake-{bucket}"
    s3.create_bucket(Bucket=name)  # type: ignore[attr-defined]  # a fixture's client
    lake = BotoObjectStore(name, s3)  # type: ignore[arg-type]  # the same
    trimmed = False
    with Redis.from_url(valkey.url) as client:
        for step, count in steps:
            if step == "add":
                # GIVEN events, deletions among them
                for _ in range(count):
                    number = next(numbers)
                    add(store, key_in(bucket, f"{number % 3}"), Event(f"item {number}", f"{number}"))
            elif step == "trim":
                # and entries that are trimmed before or after they were read
                trimmed = trimmed or client.xlen(stream_key(bucket)) > count
                client.xtrim(stream_key(bucket), maxlen=count, approximate=False)
            else:
                # WHEN collectors die at any moment, and others run meanwhile
                faulty = FaultyLake(lake, step, lambda: collect(streams, lake, bucket))
                try:
                    collect(streams, faulty, bucket)
                except Crash:
                    assert step in {"before", "after"}
        lost = collect(streams, lake, bucket).lost
        assert client.xlen(stream_key(bucket)) == 0

    # THEN each event is there once or counted as lost, and none is lost without a trim
    items = [row["item_id"] for row in rows_of(lake)]
    assert len(items) == len(set(items))
    assert len(items) + lost == next(numbers)
    assert trimmed or not lost


class BusyLake(FaultyLake):
    """A lake during whose writes visitors go on."""

    def create(self, key: str, data: bytes | Path) -> bool:
        self._rival()
        return super().create(key, data)


def test_a_deletion_reaches_the_lake_although_its_stream_overflows(
    store: ValkeyStore, streams: ValkeyStreams, lake: BotoObjectStore, valkey: Valkey
) -> None:
    # GIVEN a deleted session and one that is not, and a stream that dropped all that waited
    bucket = next(BUCKETS)
    gone, other = key_in(bucket, "a"), key_in(bucket, "b")
    add(store, gone, Event("tea", "1"))
    add(store, other, Event("mug", "2"))
    assert collect(streams, lake, bucket) == Collected(events=2)
    add(store, gone, Event("pot", "3"))
    for _ in "ab":
        store.delete(gone, soon())
    with Redis.from_url(valkey.url) as client:
        client.xtrim(stream_key(bucket), maxlen=0, approximate=False)
    # WHEN it is collected THEN the event is lost, and the deletion is not
    assert collect(streams, lake, bucket) == Collected(deletions=2, lost=1)
    assert [deletion.session for deletion in read_deletions(lake)] == [gone.pseudonym]
    # AND it is collected once
    assert collect(streams, lake, bucket) == Collected(lost=1)


@pytest.mark.slow
def test_a_deletion_waits_in_the_store_until_the_events_before_it_are_in_the_lake(
    store: ValkeyStore, streams: ValkeyStreams, lake: BotoObjectStore
) -> None:
    # GIVEN a deleted session whose event cannot be written, because something else has the key of its file
    bucket = next(BUCKETS)
    key = take_the_key_of_an_event(store, streams, lake, bucket)
    store.delete(key_in(bucket), soon())
    # WHEN a run fails THEN the lake knows the deletion, which waits as well
    with pytest.raises(RegistryUnavailable):
        collect(streams, lake, bucket)
    assert [deletion.session for deletion in read_deletions(lake)] == [key_in(bucket).pseudonym]
    assert len(streams.tombstones(bucket)) == 1
    # AND when the file is mended, and the event comes, its deletion has been written again, to be kept for a day
    early = lake.keys(DELETIONS)
    lake.delete(key)
    assert collect(streams, lake, bucket) == Collected(events=1, deletions=1)
    [late] = {*lake.keys(DELETIONS)} - {*early}
    at = written_at(late)
    assert at is not None
    compact(lake, at + KEPT_MS, RETENTION_DAYS)
    assert (rows_of(lake), lake.keys(DELETIONS)) == ([], [late])
    compact(lake, at + KEPT_MS + 1, RETENTION_DAYS)
    assert lake.keys(DELETIONS) == []
    assert streams.tombstones(bucket) == []


def test_a_busy_stream_does_not_keep_a_run_for_ever(
    store: ValkeyStore, streams: ValkeyStreams, lake: BotoObjectStore
) -> None:
    # GIVEN a stream of more than a file, to which an event comes while each file is written
    bucket, numbers = next(BUCKETS), itertools.count()
    for _ in range(streams.batch + 2):
        add(store, key_in(bucket), Event(f"item {next(numbers)}", f"{next(numbers)}"))
    busy = BusyLake(lake, "", lambda: add(store, key_in(bucket), Event("late comer", f"{next(numbers)}")))
    # WHEN it is collected THEN the run ends, with all that waited at its begin, and the next one has the rest
    assert collect(streams, busy, bucket) == Collected(events=streams.batch + 3)
    assert collect(streams, lake, bucket) == Collected(events=1)


def test_an_entry_of_another_form_is_counted_and_stops_nothing(
    store: ValkeyStore, streams: ValkeyStreams, lake: BotoObjectStore, valkey: Valkey
) -> None:
    bucket = next(BUCKETS)
    with Redis.from_url(valkey.url) as client:
        client.xadd(stream_key(bucket), {"s": "?", "c": b"\xc1"})
        client.xadd(tombstones_key(bucket), {"s": b"\xff"})
    add(store, key_in(bucket), Event("tea", "1"))
    assert collect(streams, lake, bucket) == Collected(events=1, deletions=1, unreadable=1, lost=1)
    assert read_deletions(lake) == []
    assert [row["item_id"] for row in rows_of(lake)] == ["tea"]


def test_the_time_of_a_stream_is_that_which_its_entries_get(store: ValkeyStore, streams: ValkeyStreams) -> None:
    bucket = next(BUCKETS)
    before = streams.now(bucket)
    add(store, key_in(bucket), Event("tea", "1", NOW))
    batch = streams.read(bucket)
    assert batch is not None
    assert before <= time_of(batch[0]) <= streams.now(bucket)


def test_a_run_without_entries_writes_nothing(streams: ValkeyStreams, lake: BotoObjectStore) -> None:
    assert collect(streams, lake, next(BUCKETS)) == Collected()
    assert lake.keys("") == []


def test_a_bucket_that_does_not_answer_leaves_the_entries_in_the_stream(
    store: ValkeyStore, streams: ValkeyStreams, s3: object, lake: BotoObjectStore
) -> None:
    bucket = next(BUCKETS)
    add(store, key_in(bucket), Event("tea", "1"))
    with pytest.raises(RegistryUnavailable):
        collect(streams, BotoObjectStore("no-such-bucket", s3), bucket)  # type: ignore[arg-type]  # a fixture's client
    assert collect(streams, lake, bucket) == Collected(events=1)


def test_a_file_that_is_not_the_collectors_is_named_and_the_entries_stay(
    store: ValkeyStore, streams: ValkeyStreams, lake: BotoObjectStore
) -> None:
    # GIVEN an entry whose file's key is taken by something else
    bucket = next(BUCKETS)
    key = take_the_key_of_an_event(store, streams, lake, bucket)
    # WHEN it is collected THEN the error names the file
    with pytest.raises(RegistryUnavailable, match=f"{key} is damaged, or is not a file of the lake"):
        collect(streams, lake, bucket)
    # AND nothing is lost once it is gone
    lake.delete(key)
    assert collect(streams, lake, bucket) == Collected(events=1)

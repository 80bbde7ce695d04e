"""The session store with damaged records: the session starts empty, and no request fails."""

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from redis import Redis

from devstack.services.valkey import Valkey
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.codec import encode_snapshot
from nextitem.sessions.session import EMPTY, WINDOW, SessionKey, SessionRecord
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS, STEADY, VERSION, fresh_key, soon
from tests.nextitem.sessions.encoded_log import encode_log
from tests.nextitem.sessions.log_contract import add, event, names, numbered
from tests.nextitem.sessions.snapshot_contract import save, snapshot_of, value_of

SNAPSHOT = f"h:{VERSION}"
DAMAGED = st.binary(max_size=200) | st.binary(max_size=200).map(lambda rest: b"1" + rest)


@pytest.fixture(scope="module")
def store(valkey: Valkey) -> Iterator[ValkeyStore]:
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=3600)
    yield store
    store.close()


@pytest.fixture(scope="module")
def client(valkey: Valkey) -> Iterator[Redis]:
    with Redis.from_url(valkey.url) as client:
        yield client


def assert_starts_empty(store: ValkeyStore, key: SessionKey) -> None:
    assert store.load(key, VERSION, soon()) == EMPTY
    appended = add(store, key, event("c"), event("a"))
    assert appended.statuses == ("applied", "applied")
    assert (appended.session.length, names(appended.session.log)) == (2, ["c", "a"])
    assert value_of(appended.session) is None
    assert save(store, key, snapshot_of(appended.session, 2.0))


@STEADY
@given(DAMAGED)
@example(b"")
def test_a_session_whose_log_is_damaged_starts_empty(store: ValkeyStore, client: Redis, damaged: bytes) -> None:
    key = fresh_key()
    save(store, key, snapshot_of(add(store, key, event("a"), event("b")).session, 1.0))
    client.hset(key, "log", damaged)
    assert_starts_empty(store, key)


def test_a_log_of_another_codec_version_starts_empty(store: ValkeyStore, client: Redis, key: SessionKey) -> None:
    # A valid log of an unknown codec version
    record = add(store, key, *numbered(1, WINDOW), event("a")).session
    client.hset(key, "log", b"1" + encode_log(record.length, record.log)[1:])

    assert_starts_empty(store, key)
    assert add(store, key, *numbered(1, 1)).statuses == ("applied",)


def assert_replayed(store: ValkeyStore, key: SessionKey, before: SessionRecord) -> None:
    loaded = store.load(key, VERSION, soon())
    assert (loaded.log, loaded.snapshot) == (before.log, None)
    assert loaded.replay_from() == (None, before.log)
    after = add(store, key, event("c"))
    assert (after.statuses, names(after.session.replay_from()[1])) == (("applied",), ["a", "b", "c"])
    assert save(store, key, snapshot_of(after.session, 2.0))
    assert value_of(store.load(key, VERSION, soon())) == 2.0


@STEADY
@given(DAMAGED)
@example(b"")
def test_a_damaged_snapshot_is_replayed_and_replaced(store: ValkeyStore, client: Redis, damaged: bytes) -> None:
    key = fresh_key()
    before = add(store, key, event("a"), event("b")).session
    client.hset(key, SNAPSHOT, damaged)
    assert_replayed(store, key, before)


def test_a_snapshot_of_another_codec_version_is_replaced(store: ValkeyStore, client: Redis, key: SessionKey) -> None:
    before = add(store, key, event("a"), event("b")).session
    current = encode_snapshot(snapshot_of(before, 1.0))
    other = bytes([current[0] - 1])
    client.hset(key, SNAPSHOT, other + current[1:])
    assert_replayed(store, key, before)

    # A snapshot of equal length replaces it
    client.hset(key, SNAPSHOT, other + current[1:])
    assert save(store, key, snapshot_of(before, 2.0))
    assert value_of(store.load(key, VERSION, soon())) == 2.0


@STEADY
@given(st.binary(max_size=100))
def test_damaged_tags_of_trimmed_events_fail_nothing(store: ValkeyStore, client: Redis, damaged: bytes) -> None:
    key = fresh_key()
    add(store, key, event("a"))
    client.hset(key, "seen", damaged)
    assert add(store, key, event("a"), event("b")).statuses == ("duplicate", "applied")

"""A move between two keys of a real Valkey that is cut, or overtaken, between its steps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from redis import Redis

import nextitem.sessions.valkey_store
from devstack.services.valkey import Valkey
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.session import EMPTY, SessionKey, SessionStore
from nextitem.sessions.valkey_store import GONE_SECONDS, ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS, VERSION, fresh_key, soon
from tests.nextitem.sessions.log_contract import add, event, names, numbered
from tests.nextitem.sessions.watched_proxy import WatchedProxy

TTL_SECONDS = 3600.0

MOVE, JOIN = 3, 4
"""Commands that a move takes where there is no session yet, and where there is one."""


@contextmanager
def store_at(url: str) -> Iterator[SessionStore]:
    store = ValkeyStore(parse_store_url(url), timeout=PATIENCE_SECONDS, ttl=TTL_SECONDS)
    yield store
    store.close()


@pytest.fixture
def store(valkey: Valkey) -> Iterator[SessionStore]:
    with store_at(valkey.url) as store:
        yield store


@contextmanager
def watched(valkey: Valkey, passes: Callable[[int], bool]) -> Iterator[tuple[SessionStore, WatchedProxy]]:
    """A store that is reached by a line which a test watches."""
    with WatchedProxy(urlsplit(valkey.url).port or 0, passes) as proxy, store_at(proxy.url) as store:
        yield store, proxy


def old_and_new(store: SessionStore, key: SessionKey, *, joined: bool) -> SessionKey:
    """Return the key of a session of five events, two of which live under the new key where they are to be joined."""
    old = fresh_key()
    add(store, old, *numbered(1, 5))
    if joined:
        add(store, key, *numbered(4, 7))
    return old


@pytest.mark.parametrize(("joined", "commands"), [(False, MOVE), (True, JOIN)])
def test_a_move_takes_a_few_commands(
    store: SessionStore, valkey: Valkey, key: SessionKey, joined: bool, commands: int
) -> None:
    old = old_and_new(store, key, joined=joined)
    with watched(valkey, lambda _: True) as (mover, proxy):
        assert mover.move(old, key, soon())
        assert proxy.replies == commands
        # In the usual case there is nothing to move, and one command finds that out.
        assert not mover.move(old, key, soon())
        assert proxy.replies == commands + 1


@pytest.mark.parametrize(("joined", "cut_at"), [(False, n) for n in range(MOVE)] + [(True, n) for n in range(JOIN)])
def test_a_move_that_is_cut_loses_nothing(
    store: SessionStore, valkey: Valkey, key: SessionKey, joined: bool, cut_at: int
) -> None:
    # GIVEN a session that must move, and a connection that breaks before the reply to one command
    old = old_and_new(store, key, joined=joined)
    with watched(valkey, lambda number: number < cut_at) as (mover, _), pytest.raises(StoreUnavailable):
        mover.move(old, key, soon())

    # WHEN the next request moves the session THEN each event is stored once
    store.move(old, key, soon())
    after = add(store, key, *numbered(5, 8)).session
    expected = [str(number) for number in range(1, 9)]
    assert (names(after.log), after.length) == (expected, 8)
    assert store.load(old, VERSION, soon()) == EMPTY


@pytest.mark.parametrize(("joined", "at"), [(False, n) for n in range(MOVE - 1)] + [(True, n) for n in range(JOIN - 1)])
def test_an_event_that_comes_under_the_old_key_meanwhile_is_not_lost(
    store: SessionStore, valkey: Valkey, key: SessionKey, joined: bool, at: int
) -> None:
    # GIVEN a client with the old key that appends an event between two steps of a move
    old = old_and_new(store, key, joined=joined)

    def passes(number: int) -> bool:
        if number == at:
            add(store, old, event("99", 1_900_000_000_000))
        return True

    with watched(valkey, passes) as (mover, _):
        assert mover.move(old, key, soon())

    # WHEN the session moves again THEN that event moves too
    assert store.move(old, key, soon())
    record = store.load(key, VERSION, soon())
    assert names(record.log) == [str(number) for number in range(1, 8 if joined else 6)] + ["99"]
    assert record.length == len(record.log)
    assert not store.move(old, key, soon())


@pytest.mark.parametrize("at", range(MOVE - 1))
def test_two_concurrent_moves_move_a_session_once(
    store: SessionStore, valkey: Valkey, key: SessionKey, at: int
) -> None:
    old = old_and_new(store, key, joined=False)
    whole = store.load(old, VERSION, soon())

    def passes(number: int) -> bool:
        if number == at:
            assert store.move(old, key, soon())
        return True

    with watched(valkey, passes) as (mover, _):
        assert mover.move(old, key, soon())
    assert store.load(key, VERSION, soon()) == whole
    assert store.load(old, VERSION, soon()) == EMPTY


@pytest.mark.parametrize(("joined", "at"), [(False, n) for n in range(MOVE - 1)] + [(True, n) for n in range(JOIN - 1)])
@pytest.mark.parametrize("is_continued", [False, True], ids=["deleted", "continued"])
def test_a_session_deleted_during_a_move_stays_deleted(
    store: SessionStore, valkey: Valkey, key: SessionKey, joined: bool, at: int, is_continued: bool
) -> None:
    old = old_and_new(store, key, joined=joined)

    def passes(number: int) -> bool:
        if number == at:
            store.delete(key, soon(), old)
            if is_continued:
                add(store, key, event("99"))
        return True

    with watched(valkey, passes) as (mover, _):
        mover.move(old, key, soon())

    assert names(store.load(key, VERSION, soon()).log) == (["99"] if is_continued else [])
    assert store.load(old, VERSION, soon()) == EMPTY


def test_a_deleted_session_leaves_only_the_time_of_its_deletion(
    store: SessionStore, valkey: Valkey, key: SessionKey
) -> None:
    old = old_and_new(store, key, joined=True)
    store.delete(key, soon(), old)
    with Redis.from_url(valkey.url) as client:
        assert client.hkeys(key) == [b"gone"]
        assert 0 < client.pttl(key) <= GONE_SECONDS * 1000
        assert not client.exists(old)
        # A move ignores it, because it is not a session.
        assert not store.move(key, fresh_key(), soon())


def test_events_after_a_deletion_are_a_new_session(
    store: SessionStore, valkey: Valkey, key: SessionKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a session that was deleted while a move was possible
    monkeypatch.setattr(nextitem.sessions.valkey_store, "CLOCKS_AGREE_SECONDS", -60.0)
    old = old_and_new(store, key, joined=True)
    store.delete(key, soon(), old)
    # WHEN events are appended under both keys and moved THEN they are stored, with the usual lifetime
    add(store, old, *numbered(2, 3))
    assert add(store, key, *numbered(1, 1)).session.length == 1
    assert store.move(old, key, soon())
    assert names(store.load(key, VERSION, soon()).log) == ["1", "2", "3"]
    with Redis.from_url(valkey.url) as client:
        assert client.pttl(key) > GONE_SECONDS * 1000


@pytest.mark.parametrize("joined", [False, True])
def test_a_session_without_a_time_to_live_gets_one_when_it_moves(
    store: SessionStore, valkey: Valkey, key: SessionKey, joined: bool
) -> None:
    old = old_and_new(store, key, joined=joined)
    with Redis.from_url(valkey.url) as client:
        client.persist(old)
        assert store.move(old, key, soon())
        assert 0 < client.pttl(key) <= TTL_SECONDS * 1000
    assert store.load(key, VERSION, soon()).length == (7 if joined else 5)


@pytest.mark.parametrize("joined", [False, True])
def test_a_session_whose_log_is_damaged_moves_without_it(
    store: SessionStore, valkey: Valkey, key: SessionKey, joined: bool
) -> None:
    old = old_and_new(store, key, joined=joined)
    with Redis.from_url(valkey.url) as client:
        client.hset(old, "log", b"damaged")
    assert store.move(old, key, soon())
    assert names(store.load(key, VERSION, soon()).log) == (["4", "5", "6", "7"] if joined else [])


def test_two_sessions_whose_logs_are_damaged_are_joined_to_an_empty_one(
    store: SessionStore, valkey: Valkey, key: SessionKey
) -> None:
    old = old_and_new(store, key, joined=True)
    with Redis.from_url(valkey.url) as client:
        for damaged in (old, key):
            client.hset(damaged, "log", b"damaged")
        assert store.move(old, key, soon())
        assert not client.exists(old)
    assert store.load(key, VERSION, soon()) == EMPTY

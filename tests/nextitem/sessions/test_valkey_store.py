"""The session store on a real Valkey: the contract, and what several of its clients do at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from devstack.services.valkey import Valkey
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.session import SessionKey, SessionStore
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS, VERSION, fresh_key, soon
from tests.nextitem.sessions.log_contract import add, assert_chained, event, names
from tests.nextitem.sessions.snapshot_contract import DAY_MS
from tests.nextitem.sessions.store_contract import SessionStoreContract


class ValkeyInspector:
    """Looks into the server with a client of its own."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def remaining(self, key: str) -> int | None:
        left = self._client.pttl(key)
        return None if left == -2 else left

    def shorten(self, key: str, milliseconds: int) -> None:
        assert self._client.pexpire(key, milliseconds)

    def copy(self, key: str, other: str) -> None:
        assert self._client.copy(key, other, replace=True)


@pytest.fixture(scope="module")
def store(valkey: Valkey) -> Iterator[SessionStore]:
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=DAY_MS / 1000)
    yield store
    store.close()


@pytest.fixture(scope="module")
def inspector(valkey: Valkey) -> Iterator[ValkeyInspector]:
    with Redis.from_url(valkey.url) as client:
        yield ValkeyInspector(client)


class TestValkey(SessionStoreContract):
    def test_events_of_many_threads_are_all_there_once(self, store: SessionStore, key: SessionKey) -> None:
        # GIVEN eight clients that append to one session at once, each its own events twice
        with ThreadPoolExecutor(8) as threads:

            def visit(thread: int) -> list[str]:
                statuses: list[str] = []
                for number in range(8):
                    for _ in range(2):
                        statuses += add(store, key, event(f"{thread}.{number}")).statuses
                return statuses

            # WHEN all are finished THEN each event was applied once
            assert list(threads.map(visit, range(8))) == [["applied", "duplicate"] * 8] * 8

        # AND the log has all events, those of each client in order, with a valid hash chain
        record = store.load(key, VERSION, soon())
        kept = names(record.log)
        assert record.length == 64
        assert len(set(kept)) == 64
        for thread in range(8):
            own = [name for name in kept if name.startswith(f"{thread}.")]
            assert own == [f"{thread}.{number}" for number in range(8)]
        assert_chained(record.log)

    def test_clients_with_pools_of_their_own_see_each_other(self, store: SessionStore, valkey: Valkey) -> None:
        key = fresh_key()
        add(store, key, event("a"))
        other = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=60)
        assert add(other, key, event("a"), event("b")).statuses == ("duplicate", "applied")
        other.close()
        assert names(store.load(key, VERSION, soon()).log) == ["a", "b"]

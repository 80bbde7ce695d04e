"""The session store on a Valkey that hangs, dies, fails over, forgets scripts or refuses."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstack.deployments import eventually
from devstack.processes.children import LOOPBACK, Children, free_port
from nextitem.deadline import Deadline
from nextitem.errors import StoreRefused, StoreUnavailable
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.session import EMPTY, SessionKey, SessionStore
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS, VERSION, soon
from tests.nextitem.sessions.failing_store import FailingStore
from tests.nextitem.sessions.log_contract import add, event, names
from tests.nextitem.sessions.snapshot_contract import save, snapshot_of, value_of
from tests.nextitem.sessions.unavailable_store_contract import UnavailableStoreContract
from tests.nextitem.valkey_server import BreakingLine, OwnValkey

SHORT_SECONDS = 0.4
"""Timeout of a store whose server hangs; no test needs a faster answer."""
USED_SECONDS = 1.0
"""The same for a store that must answer before its server hangs."""
LOOKS = 1000
"""Number of times that a test checks whether the server has noticed a closed connection."""


@pytest.fixture
def server(children: Children, tmp_path: Path) -> Iterator[OwnValkey]:
    server = OwnValkey(children, tmp_path)
    yield server
    server.kill()


Connect = Callable[..., ValkeyStore]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Make stores, closed at the test's end."""
    stores = []

    def store_on(url: str, timeout: float = PATIENCE_SECONDS) -> ValkeyStore:
        stores.append(ValkeyStore(parse_store_url(url), timeout=timeout, ttl=3600))
        return stores[-1]

    yield store_on
    for store in stores:
        store.close()


class TestFailingStore(UnavailableStoreContract):
    @pytest.fixture
    def unavailable(self) -> SessionStore:
        return FailingStore()


class TestNoServer(UnavailableStoreContract):
    @pytest.fixture
    def unavailable(self, connect: Connect) -> SessionStore:
        return connect(f"redis://{LOOPBACK}:{free_port()}/0")


class TestStoppedServer(UnavailableStoreContract):
    @pytest.fixture
    def unavailable(self, server: OwnValkey, connect: Connect) -> SessionStore:
        store = connect(server.url, SHORT_SECONDS)
        server.stop()
        return store


class TestWrongPassword(UnavailableStoreContract):
    @pytest.fixture
    def unavailable(self, server: OwnValkey, connect: Connect) -> SessionStore:
        with server.client() as client:
            client.config_set("requirepass", "the right one")
        return connect(f"redis://:a%20wrong%20one@{LOOPBACK}:{server.port}/0")


class TestNoPassword(UnavailableStoreContract):
    @pytest.fixture
    def unavailable(self, server: OwnValkey, connect: Connect) -> SessionStore:
        with server.client() as client:
            client.config_set("requirepass", "the right one")
        return connect(server.url)


class TestNoSuchDatabase(UnavailableStoreContract):
    @pytest.fixture
    def unavailable(self, server: OwnValkey, connect: Connect) -> SessionStore:
        return connect(server.url.replace("/0", "/999"))


def test_the_right_password_is_accepted(server: OwnValkey, connect: Connect, key: SessionKey) -> None:
    with server.client() as client:
        client.config_set("requirepass", "the right one")
    store = connect(f"redis://:the%20right%20one@{LOOPBACK}:{server.port}/0")
    assert add(store, key, event("a")).statuses == ("applied",)


@pytest.mark.slow
def test_a_server_that_hung_is_used_again(server: OwnValkey, connect: Connect, key: SessionKey) -> None:
    store = connect(server.url, USED_SECONDS)
    record = add(connect(server.url), key, event("a")).session
    assert store.load(key, VERSION, soon()) == record
    server.stop()
    with pytest.raises(StoreUnavailable):
        add(store, key, event("b"))

    # The late reply is ignored, and the repeated event is stored once.
    server.go_on()
    with server.client() as client:
        client.ping()
    assert add(connect(server.url), key, event("b")).statuses in {("applied",), ("duplicate",)}
    assert names(store.load(key, VERSION, soon()).log) == ["a", "b"]


def test_a_restarted_server_is_used_at_once(server: OwnValkey, connect: Connect, key: SessionKey) -> None:
    store = connect(server.url)
    add(store, key, event("a"))
    server.kill()
    server.start_again()

    # The new server has neither the session nor the scripts.
    assert add(store, key, event("b")).session.length == 1
    server.kill()
    server.start_again()
    assert store.load(key, VERSION, soon()) == EMPTY


def test_an_event_whose_reply_was_lost_is_there_once(server: OwnValkey, connect: Connect, key: SessionKey) -> None:
    add(connect(server.url), key, event("a"))
    with BreakingLine(server.port) as line:
        # GIVEN a connection that breaks after the server has executed its first command
        store = connect(line.url)

        # WHEN an event is appended THEN it is sent again on another connection and stored once
        appended = add(store, key, event("b"))
        assert line.broke.is_set()
        assert appended.statuses == ("duplicate",)
        assert names(appended.session.log) == ["a", "b"]


def test_a_snapshot_whose_reply_was_lost_is_kept(server: OwnValkey, connect: Connect, key: SessionKey) -> None:
    direct = connect(server.url)
    record = add(direct, key, event("a"), event("b")).session
    assert save(direct, key, snapshot_of(record, 1.0, at=0))
    with BreakingLine(server.port) as line:
        store = connect(line.url)
        with pytest.raises(StoreUnavailable):
            save(store, key, snapshot_of(record, 2.0))

        # The next request reads it
        assert value_of(store.load(key, VERSION, soon())) == 2.0


def test_forgotten_scripts_are_sent_again(server: OwnValkey, connect: Connect, key: SessionKey) -> None:
    store = connect(server.url)
    with server.client() as client:
        record = add(store, key, event("a")).session
        client.script_flush()
        assert add(store, key, event("b")).statuses == ("applied",)
        client.script_flush()
        assert save(store, key, snapshot_of(record, 1.0))
    assert value_of(store.load(key, VERSION, soon())) == 1.0


def test_on_a_server_without_scripts_the_first_save_needs_no_second_request(
    server: OwnValkey, connect: Connect, key: SessionKey
) -> None:
    store = connect(server.url)
    record = add(store, key, event("a")).session
    store.save(key, VERSION, snapshot_of(record, 1.0), soon())  # only the next request would read its reply
    eventually(lambda: value_of(store.load(key, VERSION, soon())) == 1.0, "the snapshot is stored")


def test_a_user_who_may_not_load_scripts_can_append(server: OwnValkey, connect: Connect, key: SessionKey) -> None:
    store = connect(server.url)
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-script|load")
    assert save(store, key, snapshot_of(add(store, key, event("a")).session, 1.0))


def test_a_script_that_may_not_run_a_command_is_refused_like_the_command(
    server: OwnValkey, connect: Connect, key: SessionKey
) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-pexpire")
    with pytest.raises(StoreRefused, match="NOPERM, the user lacks a permission"):
        add(connect(server.url), key, event("a"))


@pytest.mark.slow
def test_a_save_that_is_to_be_sent_again_has_no_more_time_than_a_command(
    server: OwnValkey, connect: Connect, key: SessionKey
) -> None:
    # GIVEN a save whose script the server has forgotten; the server hangs after that reply
    store = connect(server.url, USED_SECONDS)
    record = add(connect(server.url), key, event("a")).session
    with server.client() as client:
        client.script_flush()
    saving = store.save(key, VERSION, snapshot_of(record, 1.0), soon())
    eventually(saving.done, "the server has answered")
    server.stop()
    # WHEN a request with a long deadline reads the save's reply
    patient = Deadline.after(PATIENCE_SECONDS)
    with pytest.raises(StoreUnavailable):
        saving.result(patient)
    # THEN it does not wait until that deadline
    assert patient.remaining() > 0


def test_a_replica_takes_no_events_until_it_is_the_primary(
    server: OwnValkey, connect: Connect, key: SessionKey
) -> None:
    # GIVEN a store in use whose server becomes a replica, as in a failover
    store = connect(server.url)
    record = add(store, key, event("a"), event("b")).session
    saving = store.save(key, VERSION, snapshot_of(record, 1.0, at=0), soon())
    assert store.load(key, VERSION, soon()).log == record.log  # on a second connection
    assert saving.result(soon())
    with server.client() as client:
        assert len(client.client_list()) == 3
        client.replicaof(LOOPBACK, free_port())

        # WHEN an event is written THEN the store is unavailable
        with pytest.raises(StoreUnavailable, match="primary"):
            add(store, key, event("c"))
        with pytest.raises(StoreUnavailable):
            save(store, key, snapshot_of(record, 2.0))
        with pytest.raises(StoreUnavailable):
            store.delete(key, soon())

        # THEN no connection to the replica is left
        assert any(len(client.client_list()) == 1 for _ in range(LOOKS))

        # WHEN it is the primary again THEN the next call works
        client.replicaof("NO", "ONE")
    assert names(add(store, key, event("c")).session.log) == ["a", "b", "c"]


def test_a_full_server_refuses_writes_and_serves_reads(server: OwnValkey, connect: Connect, key: SessionKey) -> None:
    store = connect(server.url)
    record = add(store, key, event("a")).session
    with server.client() as client:
        client.config_set("maxmemory", 1)
    with pytest.raises(StoreUnavailable, match="refused"):
        add(store, key, event("b"))
    assert store.load(key, VERSION, soon()) == record

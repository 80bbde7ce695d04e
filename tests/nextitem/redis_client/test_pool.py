"""The pool of one server: which connections it reuses, and how often one command is tried."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from redis import Redis

from devstack.deployments import eventually
from devstack.processes.children import LOOPBACK, Children
from devstack.services.valkey import Valkey
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.command import RECONNECTS
from nextitem.redis_client.login import Login
from nextitem.redis_client.outcomes import Broken
from nextitem.redis_client.pool import IDLE_SECONDS, Pool
from nextitem.redis_client.reply_shapes import one_of
from nextitem.redis_client.url import Address, parse_store_url
from nextitem.sessions.session import SessionKey
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS, VERSION, soon
from tests.nextitem.redis_client.silent_proxy import SilentProxy
from tests.nextitem.service.router_scene import Clock
from tests.nextitem.sessions.log_contract import add, event, names
from tests.nextitem.sessions.scripted_server import ScriptedServer
from tests.nextitem.valkey_server import OwnValkey


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pool(valkey: Valkey, clock: Clock) -> Iterator[Pool]:
    pool = Pool(parse_store_url(valkey.url).addresses[0], Login(), clock)
    yield pool
    pool.close()


def client_id(pool: Pool) -> int:
    """The server's number of the connection that is used next."""
    return pool.receive(pool.send(soon(), "CLIENT", "ID"), soon(), int)


@pytest.mark.parametrize("pause", [0.0, 1.0, IDLE_SECONDS])
def test_a_connection_that_was_idle_for_a_moment_is_reused(pool: Pool, clock: Clock, pause: float) -> None:
    first = client_id(pool)
    clock.now += pause
    assert client_id(pool) == first


@pytest.mark.parametrize("pause", [IDLE_SECONDS + 0.001, 86_400.0, -0.001], ids=["too long", "a day", "set back"])
def test_a_connection_that_was_idle_for_too_long_is_closed(
    pool: Pool, clock: Clock, valkey: Valkey, pause: float
) -> None:
    # GIVEN two idle connections
    sent = [pool.send(soon(), "CLIENT", "ID") for _ in range(2)]
    old = {str(pool.receive(connection, soon(), int)) for connection in sent}

    # WHEN the next command comes after a pause THEN it uses a new connection
    clock.now += pause
    assert str(client_id(pool)) not in old
    # AND both are closed
    with Redis.from_url(valkey.url) as client:
        eventually(lambda: not old & {each["id"] for each in client.client_list()}, "the old connections are closed")


def test_reading_an_old_reply_does_not_make_a_connection_younger(pool: Pool, clock: Clock) -> None:
    # GIVEN a command whose reply is read only after a pause, like that of a snapshot sent before a freeze
    connection = pool.send(soon(), "CLIENT", "ID")
    clock.now += IDLE_SECONDS + 1
    before = pool.receive(connection, soon(), int)
    # WHEN the next command comes THEN it uses another connection
    assert client_id(pool) != before


def test_each_connection_has_its_own_idle_time(pool: Pool, clock: Clock) -> None:
    # GIVEN a connection that was used, then idle, and another that was used since
    old, young = (pool.send(soon(), "CLIENT", "ID") for _ in range(2))
    pool.receive(old, soon(), int)
    kept = pool.receive(young, soon(), int)
    clock.now += IDLE_SECONDS
    assert client_id(pool) == kept
    # WHEN one of them has become too old THEN the other is used
    clock.now += 1
    assert client_id(pool) == kept


def test_a_connection_that_died_while_the_function_was_frozen_costs_nothing(valkey: Valkey, clock: Clock) -> None:
    with SilentProxy() as line:
        line.target = parse_store_url(valkey.url).addresses[0].port
        # GIVEN an idle connection, which a NAT on the way then forgets
        pool = Pool(Address(LOOPBACK, line.port), Login(), clock)
        first = client_id(pool)
        line.fall_silent()
        # WHEN the function is thawed after a minute THEN its first command is answered
        clock.now += 60
        assert client_id(pool) != first
        pool.close()


class HangingUp:
    """A port at which each connection ends at its first command; counts them."""

    def __init__(self) -> None:
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve)
        self.connections = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # the listener was shut down
            self.connections += 1
            with client:
                client.recv(1 << 16)


@pytest.mark.parametrize("login", [Login(), Login(db=1)], ids=["at the command", "while connecting"])
def test_a_pool_tries_nothing_again(login: Login) -> None:
    with HangingUp() as server:
        pool = Pool(Address(LOOPBACK, server.port), login)
        with pytest.raises(Broken):
            pool.receive(pool.send(soon(), "PING"), soon(), one_of(b"PONG"))
        assert server.connections == 1


def test_a_server_that_hangs_up_while_sending_is_not_reached_by_idle_connections() -> None:
    with ScriptedServer(lambda command: None if b"ASKING" in command else b"+PONG\r\n") as server:
        # GIVEN two idle connections, one of which breaks before its command is sent
        pool = Pool(Address(LOOPBACK, server.port), Login())
        for connection in [pool.send(soon(), "PING") for _ in range(2)]:
            pool.receive(connection, soon(), one_of(b"PONG"))
        with pytest.raises(Broken):
            pool.send(soon(), "PING", asking=True)
        # WHEN the next command comes THEN it uses a new connection
        pool.receive(pool.send(soon(), "PING"), soon(), one_of(b"PONG"))
        assert server.connections == 3
        pool.close()


def test_a_broken_connection_is_followed_by_one_more() -> None:
    with HangingUp() as server:
        url = parse_store_url(f"redis://{LOOPBACK}:{server.port}/0")
        store = ValkeyStore(url, timeout=PATIENCE_SECONDS, ttl=60)
        with pytest.raises(StoreUnavailable, match="hung up"):
            store.load("key", VERSION, soon())
        assert server.connections == 1 + RECONNECTS


def test_many_dead_idle_connections_cost_one_try(children: Children, tmp_path: Path, key: SessionKey) -> None:
    # GIVEN a store with several idle connections, all of which the server closes
    server = OwnValkey(children, tmp_path)
    store = ValkeyStore(parse_store_url(server.url), timeout=PATIENCE_SECONDS, ttl=60)
    pool = store._topology.pool_of(key, soon())
    for connection in [pool.send(soon(), "PING") for _ in range(5)]:
        pool.receive(connection, soon(), one_of(b"PONG"))
    with server.client() as client:
        assert client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") == 5
    # WHEN an event comes THEN one new connection is enough
    assert names(add(store, key, event("a")).session.log) == ["a"]
    store.close()
    server.kill()

"""A method that has to connect first has a limit of its own: TLS and a login by a token take longer than a command."""

import socket
import time
from collections.abc import Callable, Iterator

import pytest

from devstack.processes.children import LOOPBACK
from devstack.services.valkey import Valkey
from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.pool import IDLE_SECONDS
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.session import SessionKey, SessionStore
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.listener import Listener
from tests.nextitem.parts import PATIENCE_SECONDS, VERSION, soon
from tests.nextitem.sessions.log_contract import add, event, names

COMMAND_SECONDS = 0.5
SLOW_SECONDS = 1.2
"""Delay of a slow reply."""

METHODS: dict[str, Callable[[SessionStore, SessionKey, Deadline], object]] = {
    "append": lambda store, key, deadline: store.append(key, [event("a")], VERSION, 0, deadline),
    "load": lambda store, key, deadline: store.load(key, VERSION, deadline),
    "save": lambda store, key, deadline: store.save(key, VERSION, None, deadline).result(soon()),
    "move": lambda store, key, deadline: store.move("no such session", key, deadline),
    "delete": lambda store, key, deadline: store.delete(key, deadline, "another session"),
    "ping": lambda store, key, deadline: store.ping(deadline),
}


class SlowLine(Listener):
    """Leads to a server, whose first reply on each connection, that to the login, takes `SLOW_SECONDS`.

    Attributes:
        is_slow: whether later replies take as long.
    """

    def __init__(self, target_port: int) -> None:
        super().__init__()
        self._target_port = target_port
        self.is_slow = False

    def accepted(self, client: socket.socket) -> None:
        """See `Listener.accepted`."""
        server = socket.create_connection((LOOPBACK, self._target_port))
        self._open.append(server)
        self._start(self._forward, client, server)
        self._start(self._forward_slowly, server, client)

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                target.sendall(data)
        except OSError:
            return  # it was shut down

    def _forward_slowly(self, server: socket.socket, client: socket.socket) -> None:
        is_login = True
        try:
            while data := server.recv(1 << 16):
                if is_login or self.is_slow:
                    time.sleep(SLOW_SECONDS)
                is_login = False
                client.sendall(data)
        except OSError:
            return  # it was shut down


@pytest.fixture
def line(valkey: Valkey) -> Iterator[SlowLine]:
    with SlowLine(valkey.port) as line:
        yield line


@pytest.fixture
def store(line: SlowLine) -> Iterator[ValkeyStore]:
    url = parse_store_url(f"redis://default:any@{LOOPBACK}:{line.port}")  # the user has no password, so any will do
    store = ValkeyStore(url, timeout=COMMAND_SECONDS, ttl=60, connect_timeout=PATIENCE_SECONDS)
    store.load_client()
    yield store
    store.close()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.slow
def test_the_first_method_waits_for_the_login_and_later_ones_do_not_wait_as_long(
    store: ValkeyStore, line: SlowLine, key: SessionKey, method: str
) -> None:
    # GIVEN a store that is not connected, and whose login takes longer than a method may
    METHODS[method](store, key, soon())  # WHEN a method is called THEN it has the time

    # WHEN the server takes as long for a command of an open connection THEN the method gives up
    line.is_slow = True
    with pytest.raises(StoreUnavailable, match="in time"):
        METHODS[method](store, key, soon())


@pytest.mark.slow
def test_after_idle_time_the_login_has_its_time_again(
    store: ValkeyStore, key: SessionKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a connection that is idle for too long to be used again
    add(store, key, event("a"))
    pool = store._topology.pool_of(key, soon())
    monkeypatch.setattr(pool, "_clock", lambda: time.time() + IDLE_SECONDS + 1)
    # WHEN the next method is called THEN it waits for the login of another one
    assert names(store.load(key, VERSION, soon()).log) == ["a"]


def test_without_a_limit_of_its_own_connecting_has_that_of_a_command(line: SlowLine, key: SessionKey) -> None:
    url = parse_store_url(f"redis://default:any@{LOOPBACK}:{line.port}")
    store = ValkeyStore(url, timeout=COMMAND_SECONDS, ttl=60)
    store.load_client()
    with pytest.raises(StoreUnavailable, match="not connected in time"):
        store.load(key, VERSION, soon())
    store.close()


def test_connecting_takes_the_deadline_s_reserve_for_all_methods_of_a_request(
    store: ValkeyStore, line: SlowLine, key: SessionKey
) -> None:
    # GIVEN a request whose deadline is too short for the login, with a reserve
    deadline = Deadline.after(COMMAND_SECONDS, reserve=PATIENCE_SECONDS)
    # WHEN it calls several methods THEN the first one has time to connect, and the others to follow
    store.load(key, VERSION, deadline)
    assert store.append(key, [event("a")], VERSION, 0, deadline).session.length == 1


def test_a_request_that_finds_a_connection_leaves_the_reserve(store: ValkeyStore, key: SessionKey) -> None:
    store.load(key, VERSION, soon())
    deadline = Deadline.after(COMMAND_SECONDS, reserve=PATIENCE_SECONDS)
    store.load(key, VERSION, deadline)
    assert deadline.remaining() <= COMMAND_SECONDS

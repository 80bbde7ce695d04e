"""A store's host name whose lookup is slow, or that leads to silent addresses, costs no more than the deadline."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devstack.processes.children import LOOPBACK, free_port
from devstack.services.valkey import Valkey
from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS, soon

HURRY_SECONDS = 0.3
"""The deadline of a request where an address is silent."""
NAME = "store.test"


class Resolver:
    """Stands for the system's resolver: it knows one name, and answers once `answers` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.addresses: list[tuple[str, int]] = []
        self.lookups, self.answers = 0, threading.Event()
        self.answers.set()
        self._real: Callable[..., Any] = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._lookup)

    def _lookup(self, host: str, *args: Any, **options: Any) -> Any:
        if host != NAME:
            return self._real(host, *args, **options)
        self.lookups += 1
        assert self.answers.wait(PATIENCE_SECONDS)
        if not self.addresses:
            raise socket.gaierror("no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in self.addresses]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    return Resolver(monkeypatch)


@pytest.fixture
def connect(resolver: Resolver) -> Iterator[Callable[[float], ValkeyStore]]:
    stores = []

    def store_by_name(timeout: float) -> ValkeyStore:
        stores.append(ValkeyStore(parse_store_url(f"redis://{NAME}:1"), timeout=timeout, ttl=60))
        return stores[-1]

    yield store_by_name
    for store in stores:
        store.close()


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """An address at which no connection is refused or made, because its queue is full."""
    with socket.socket() as full:
        full.bind((LOOPBACK, 0))
        full.listen(0)
        address = (LOOPBACK, full.getsockname()[1])
        clients = [socket.socket() for _ in range(4)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(address)
        yield address
        for client in clients:
            client.close()


def address_of(valkey: Valkey) -> tuple[str, int]:
    address = parse_store_url(valkey.url).addresses[0]
    return address.host, address.port


@pytest.mark.slow
def test_a_slow_resolver_costs_no_more_than_the_deadline(
    resolver: Resolver, connect: Callable[[float], ValkeyStore], valkey: Valkey
) -> None:
    resolver.addresses = [address_of(valkey)]
    resolver.answers.clear()
    store = connect(PATIENCE_SECONDS)
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="in time") as caught:
            store.ping(Deadline.after(HURRY_SECONDS))
        assert caught.value.late
    assert resolver.lookups == 1

    # The running lookup is reused.
    resolver.answers.set()
    store.ping(soon())
    assert resolver.lookups == 1


def test_a_silent_address_leaves_time_for_the_others(
    resolver: Resolver, connect: Callable[[float], ValkeyStore], valkey: Valkey, silent: tuple[str, int]
) -> None:
    resolver.addresses = [silent, address_of(valkey)]
    connect(HURRY_SECONDS * 4).ping(soon())


def test_addresses_that_are_all_silent_are_late(
    resolver: Resolver, connect: Callable[[float], ValkeyStore], silent: tuple[str, int]
) -> None:
    resolver.addresses = [silent] * 3
    with pytest.raises(StoreUnavailable) as caught:
        connect(HURRY_SECONDS).ping(soon())
    assert caught.value.late


@pytest.mark.parametrize("known", [False, True], ids=["no such name", "no server"])
def test_a_name_that_leads_nowhere_is_looked_up_again(
    resolver: Resolver, connect: Callable[[float], ValkeyStore], valkey: Valkey, known: bool
) -> None:
    resolver.addresses = [(LOOPBACK, free_port())] if known else []
    store = connect(PATIENCE_SECONDS)
    with pytest.raises(StoreUnavailable) as caught:
        store.ping(soon())
    assert not caught.value.late
    resolver.addresses = [address_of(valkey)]
    store.ping(soon())


@pytest.mark.parametrize("host", ["x" * 64 + ".test", "a..test"])
def test_an_invalid_name_is_an_unavailable_store(host: str) -> None:
    store = ValkeyStore(parse_store_url(f"redis://{host}:1"), timeout=PATIENCE_SECONDS, ttl=60)
    with pytest.raises(StoreUnavailable):
        store.ping(soon())

"""From a server's name to its addresses, though names may be slow and addresses silent."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devstack.processes.children import LOOPBACK, free_port
from devstack.services.valkey import Valkey
from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.dns import KEPT_SECONDS, Resolver
from nextitem.redis_client.url import Address, parse_store_url
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS, soon
from tests.nextitem.service.router_scene import Clock

HURRY_SECONDS = 0.3
"""What a store is given where an address is silent."""
Places = list[tuple[str, int]]


class Names:
    """The system's resolver in a test's hands: it knows one name, and may be slow."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.places: Places = []
        self.asked, self.answers = 0, threading.Event()
        self.answers.set()
        self.name = f"store-{free_port()}.test"  # one that no other test has looked up
        self._real: Callable[..., Any] = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._lookup)

    def _lookup(self, host: str, *args: Any, **options: Any) -> Any:
        if host != self.name or options.get("flags"):
            return self._real(host, *args, **options)
        self.asked += 1
        assert self.answers.wait(PATIENCE_SECONDS)
        if not self.places:
            raise socket.gaierror("no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in self.places]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


@pytest.fixture
def connect(names: Names) -> Iterator[Callable[[float], ValkeyStore]]:
    stores = []

    def store_by_name(timeout: float) -> ValkeyStore:
        stores.append(ValkeyStore(parse_store_url(f"redis://{names.name}:1"), timeout=timeout, ttl=60))
        return stores[-1]

    yield store_by_name
    for store in stores:
        store.close()


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """An address at which no connection is refused, and none made: more wait there than it takes."""
    with socket.socket() as full:
        full.bind((LOOPBACK, 0))
        full.listen(0)
        place = (LOOPBACK, full.getsockname()[1])
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(place)
        yield place
        for one in waiting:
            one.close()


def place_of(valkey: Valkey) -> tuple[str, int]:
    address = parse_store_url(valkey.url).addresses[0]
    return address.host, address.port


def test_a_slow_resolver_costs_no_more_than_the_deadline(
    names: Names, connect: Callable[[float], ValkeyStore], valkey: Valkey
) -> None:
    # GIVEN a resolver that does not answer WHEN the store is asked THEN it is unavailable while that goes on
    names.places = [place_of(valkey)]
    names.answers.clear()
    store = connect(PATIENCE_SECONDS)
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="in time") as caught:
            store.ping(Deadline.after(HURRY_SECONDS))
        assert caught.value.late
    assert names.asked == 1

    # WHEN it answers at last THEN that is used
    names.answers.set()
    store.ping(soon())
    assert names.asked == 1


def test_a_silent_address_leaves_time_for_the_others(
    names: Names, connect: Callable[[float], ValkeyStore], valkey: Valkey, silent: tuple[str, int]
) -> None:
    # GIVEN a name whose first address is silent WHEN the store is asked THEN the second one answers within the limit
    names.places = [silent, place_of(valkey)]
    connect(HURRY_SECONDS * 4).ping(soon())


def test_addresses_that_are_all_silent_are_late(
    names: Names, connect: Callable[[float], ValkeyStore], silent: tuple[str, int]
) -> None:
    names.places = [silent] * 3
    with pytest.raises(StoreUnavailable) as caught:
        connect(HURRY_SECONDS).ping(soon())
    assert caught.value.late


@pytest.mark.parametrize("known", [False, True], ids=["no such name", "nobody there"])
def test_a_name_that_leads_nowhere_is_looked_up_anew(
    names: Names, connect: Callable[[float], ValkeyStore], valkey: Valkey, known: bool
) -> None:
    # GIVEN a name that leads nowhere WHEN it leads to a server again THEN the next try finds it
    names.places = [(LOOPBACK, free_port())] if known else []
    store = connect(PATIENCE_SECONDS)
    with pytest.raises(StoreUnavailable) as caught:
        store.ping(soon())
    assert not caught.value.late
    names.places = [place_of(valkey)]
    store.ping(soon())


def test_a_name_is_kept_for_a_moment(names: Names) -> None:
    clock = Clock()
    names.places = [(LOOPBACK, 1)]
    resolver = Resolver(Address(names.name, 1), clock)
    for pause, asked in ((0.0, 1), (KEPT_SECONDS, 1), (0.001, 2), (-0.001, 3)):
        clock.now += pause
        assert resolver.places(soon()) == [(socket.AF_INET, (LOOPBACK, 1))]
        assert names.asked == asked


@pytest.mark.parametrize("host", ["x" * 64 + ".test", "a..test"])
def test_a_name_that_none_can_have_is_no_store(host: str) -> None:
    store = ValkeyStore(parse_store_url(f"redis://{host}:1"), timeout=PATIENCE_SECONDS, ttl=60)
    with pytest.raises(StoreUnavailable):
        store.ping(soon())

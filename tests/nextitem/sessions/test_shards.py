"""A Cluster of which one node fails: only the requests for its sessions are refused."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from redis import Redis

from devstack.processes.children import LOOPBACK, free_port
from devstack.services.valkey import Valkey
from nextitem.deadline import Deadline
from nextitem.errors import StoreRefused, StoreUnavailable
from nextitem.redis_client.topology import SLOTS, key_slot
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.circuit_breaker import FAILURE_THRESHOLD, RESET_SECONDS, CircuitBreaker
from nextitem.sessions.session import EMPTY, SessionKey
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS, VERSION, fresh_key, soon
from tests.nextitem.service.router_scene import Clock
from tests.nextitem.sessions.log_contract import add, event
from tests.nextitem.sessions.scripted_server import ScriptedServer

SHARDS = 3
ROUNDS = 20
DEADLINE_SECONDS = 0.4
"""Time that a request gives a node that does not answer."""


class Shards:
    """A Cluster of scripted nodes, whose sessions are all empty, and a circuit breaker for it.

    Attributes:
        failing: numbers of the nodes that do not answer.
        sessions: one key for each node.
    """

    def __init__(self, resources: ExitStack, *, dead: bool) -> None:
        self.failing: set[int] = set()
        self.nodes = [resources.enter_context(ScriptedServer(self._reply(number))) for number in range(SHARDS)]
        self.ports = [node.port for node in self.nodes]
        if dead:
            self.ports[0] = free_port()
        self.sessions = [next(key for key in iter(fresh_key, "") if self._node_of(key) == n) for n in range(SHARDS)]
        seeds = ",".join(f"{LOOPBACK}:{port}" for port in reversed(self.ports))
        store = ValkeyStore(parse_store_url(f"redis+cluster://{seeds}"), timeout=PATIENCE_SECONDS, ttl=60)
        resources.callback(store.close)
        self.clock = Clock()
        self.breaker = CircuitBreaker(store, self.clock)

    def answers(self, number: int) -> bool:
        """Return whether a request for a node's session is answered."""
        try:
            deadline = Deadline.after(DEADLINE_SECONDS) if number in self.failing else soon()
            return self.breaker.load(self.sessions[number], VERSION, deadline) == EMPTY
        except StoreUnavailable:
            return False

    def _reply(self, number: int) -> Callable[[bytes], bytes]:
        def reply(command: bytes) -> bytes:
            if number in self.failing:
                return b""
            return self._slots() if b"SLOTS" in command else b"*2\r\n$-1\r\n$-1\r\n"

        return reply

    def _slots(self) -> bytes:
        ranges = [
            b"*3\r\n:%d\r\n:%d\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n"
            % (SLOTS * number // SHARDS, SLOTS * (number + 1) // SHARDS - 1, port)
            for number, port in enumerate(self.ports)
        ]
        return b"*%d\r\n%b" % (len(ranges), b"".join(ranges))

    @staticmethod
    def _node_of(key: str) -> int:
        return key_slot(key) * SHARDS // SLOTS


@pytest.fixture
def resources() -> Iterator[ExitStack]:
    with ExitStack() as resources:
        yield resources


@pytest.mark.parametrize("known", [False, True], ids=["from the start", "later"])
@pytest.mark.parametrize("dead", [False, True], ids=["silent", "refusing"])
@pytest.mark.slow
def test_a_dead_node_costs_no_request_for_another(resources: ExitStack, dead: bool, known: bool) -> None:
    shards = Shards(resources, dead=dead)
    if known:
        assert shards.answers(1)
    shards.failing = {0}
    requests = [*[0] * FAILURE_THRESHOLD, 1, 2]
    answers = [[shards.answers(number) for number in requests] for _ in range(ROUNDS)]
    assert answers == [[number != 0 for number in requests]] * ROUNDS


@pytest.mark.slow
def test_a_dead_node_is_tried_once_per_reset_timeout(resources: ExitStack) -> None:
    shards = Shards(resources, dead=False)
    assert all(map(shards.answers, range(SHARDS)))
    shards.failing, before = {0}, shards.nodes[0].commands
    assert not any(shards.answers(0) for _ in range(ROUNDS))
    assert shards.nodes[0].commands == before + FAILURE_THRESHOLD
    shards.clock.now += RESET_SECONDS
    assert not any(shards.answers(0) for _ in range(ROUNDS))
    assert shards.nodes[0].commands == before + FAILURE_THRESHOLD + 1
    # WHEN it is back THEN the next trial closes its circuit
    shards.failing = set()
    assert not shards.answers(0)
    shards.clock.now += RESET_SECONDS
    assert all(shards.answers(0) for _ in range(ROUNDS))


@pytest.mark.slow
def test_a_slot_that_moved_away_from_a_dead_node_is_served_at_its_next_trial(resources: ExitStack) -> None:
    shards = Shards(resources, dead=False)
    assert all(map(shards.answers, range(SHARDS)))
    shards.failing = {0}
    assert not any(shards.answers(0) for _ in range(ROUNDS))
    shards.ports[0] = shards.ports[1]
    shards.clock.now += RESET_SECONDS
    assert all(shards.answers(0) for _ in range(ROUNDS))


@pytest.mark.slow
def test_without_any_slot_map_all_requests_share_one_circuit(resources: ExitStack) -> None:
    shards = Shards(resources, dead=False)
    shards.failing = set(range(SHARDS))
    assert not any(shards.answers(number) for _ in range(ROUNDS) for number in range(SHARDS))
    assert sum(node.commands for node in shards.nodes) == FAILURE_THRESHOLD
    shards.failing = set()
    shards.clock.now += RESET_SECONDS
    assert all(shards.answers(number) for number in range(SHARDS))


def test_a_key_of_another_type_refuses_no_other_session(valkey: Valkey, key: SessionKey) -> None:
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=60)
    breaker, other = CircuitBreaker(store), fresh_key()
    with Redis.from_url(valkey.url) as client:
        client.set(key, "text")
    add(breaker, other, event("a"))
    for _ in range(FAILURE_THRESHOLD):
        for verb in (
            lambda: add(breaker, key, event("a")),
            lambda: breaker.load(key, VERSION, soon()),
            lambda: breaker.save(key, VERSION, None, soon()).result(soon()),
            lambda: breaker.move(key, fresh_key(), soon()),
            lambda: breaker.move(other, key, soon()),
        ):
            with pytest.raises(StoreRefused, match="WRONGTYPE"):
                verb()
    assert add(breaker, other, event("b")).statuses == ("applied",)
    store.close()

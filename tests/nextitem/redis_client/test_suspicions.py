"""A look-up of servers ends the suspicions and redirections that it was made for, and none that came while it ran."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from devstack.processes.children import LOOPBACK
from nextitem.redis_client.topology import Topology, topology_of
from nextitem.redis_client.url import Address, parse_store_url
from tests.nextitem.parts import PATIENCE_SECONDS, REGION, soon
from tests.nextitem.sessions.scripted_server import ScriptedServer
from tests.nextitem.sessions.test_reported_addresses import NIL, bulk, sentinel_reply, slots_reply

KEY, OTHER = "a", "b"
"""Keys of different slots."""
ELSEWHERE = Address(LOOPBACK, 1)


class Informer(ScriptedServer):
    """Names one server for all keys, once `gate` is open.

    Attributes:
        asked: set by each question.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(self._answer)
        self.url = f"redis+{kind}://{LOOPBACK}:{self.port}" + ("/main" if kind == "sentinel" else "")
        named = sentinel_reply(bulk(LOOPBACK.encode()), bulk(b"%d" % self.port))
        self._named = slots_reply(NIL, self.port) if kind == "cluster" else named
        self.gate, self.asked = threading.Event(), threading.Event()
        self.gate.set()

    def _answer(self, _command: bytes) -> bytes:
        self.asked.set()
        assert self.gate.wait(PATIENCE_SECONDS)
        return self._named


@contextmanager
def topology_at(informer: Informer) -> Iterator[Topology]:
    topology = topology_of(parse_store_url(informer.url), REGION, PATIENCE_SECONDS)
    yield topology
    topology.close()


@contextmanager
def look_up(topology: Topology, informer: Informer) -> Iterator[None]:
    """Run the block while a look-up is under way, for a suspicion from before it."""
    topology.forget(KEY)
    informer.gate.clear()
    informer.asked.clear()
    with ThreadPoolExecutor(1) as threads:
        looking = threads.submit(topology.pool_of, KEY, soon())
        assert informer.asked.wait(PATIENCE_SECONDS)
        yield
        informer.gate.set()
        looking.result()


def test_a_node_that_fails_during_a_look_up_stays_suspect() -> None:
    with Informer("cluster") as informer, topology_at(informer) as topology:
        topology.pool_of(KEY, soon())
        with look_up(topology, informer):
            topology.forget(KEY)
        for commands in (3, 3):  # the younger suspicion leads to one more look-up, which ends it
            topology.pool_of(KEY, soon())
            assert informer.commands == commands


def test_a_redirection_during_a_look_up_is_kept_until_the_next() -> None:
    with Informer("cluster") as informer, topology_at(informer) as topology:
        topology.pool_of(KEY, soon())
        topology.forget(KEY, ELSEWHERE)
        assert topology.server_of(KEY) == ELSEWHERE
        with look_up(topology, informer):
            topology.forget(OTHER, ELSEWHERE)
        assert topology.server_of(KEY) == Address(LOOPBACK, informer.port)
        assert topology.server_of(OTHER) == ELSEWHERE


def test_a_primary_that_fails_during_a_look_up_stays_suspect() -> None:
    with Informer("sentinel") as informer, topology_at(informer) as topology:
        topology.pool_of(KEY, soon())
        with look_up(topology, informer):
            topology.forget(KEY)
        for commands in (3, 3):
            topology.pool_of(KEY, soon())
            assert informer.commands == commands


def test_a_request_that_shares_a_look_up_from_before_its_failure_stays_suspicious() -> None:
    with Informer("sentinel") as informer, topology_at(informer) as topology, ThreadPoolExecutor(1) as threads:
        topology.pool_of(KEY, soon())
        with look_up(topology, informer):
            topology.forget(KEY)
            sharing = threads.submit(topology.pool_of, KEY, soon())
        sharing.result()
        topology.pool_of(KEY, soon())
        assert informer.commands == 3

"""What nodes and Sentinels say of others, or do not say: silence in turn, left-out hosts, and nonsense."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devstack.deployments import SLOTS, Node, eventually, start_node
from devstack.processes.children import LOOPBACK, Children, free_port
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS, fresh_key, soon
from tests.nextitem.sessions.log_contract import add, event
from tests.nextitem.sessions.scripted_server import SilentServer, TellingServer

HURRY_SECONDS = 0.2
"""What a store waits for a server that hangs."""


@contextmanager
def store_at(url: str, timeout: float = PATIENCE_SECONDS) -> Iterator[ValkeyStore]:
    store = ValkeyStore(parse_store_url(url), timeout=timeout, ttl=60)
    yield store
    store.close()


def answers(store: ValkeyStore) -> bool:
    try:
        store.ping(soon())
    except StoreUnavailable:
        return False
    return True


def lone_node(children: Children, folder: Path, *options: str) -> Node:
    """A Cluster of one node."""
    node = start_node(children, folder, "--cluster-enabled", "yes", "--cluster-port", str(free_port()), *options)
    node.ask("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)
    eventually(lambda: b"cluster_state:ok" in node.ask("CLUSTER", "INFO"), "the Cluster is up")
    return node


@pytest.mark.slow
def test_nodes_that_are_silent_are_asked_in_turn(children: Children, tmp_path: Path) -> None:
    node = lone_node(children, tmp_path)
    with (
        SilentServer() as silent,
        store_at(f"redis+cluster://{LOOPBACK}:{silent.port},{LOOPBACK}:{node.port}", HURRY_SECONDS) as store,
    ):
        # GIVEN a Cluster one node of which is silent for good, and the other until each was asked in vain
        os.kill(node.child.pid, signal.SIGSTOP)
        assert [answers(store) for _ in range(4)] == [False] * 4
        # WHEN that one goes on THEN it is asked again
        os.kill(node.child.pid, signal.SIGCONT)
        eventually(lambda: answers(store), "the store is back")


@pytest.mark.slow
def test_a_node_that_was_left_behind_is_not_asked_for_ever(children: Children, tmp_path: Path) -> None:
    # GIVEN a seed that no longer belongs to the Cluster: it knows of no slot
    node = lone_node(children, tmp_path)
    with (
        TellingServer(b"*0\r\n") as left,
        store_at(f"redis+cluster://{LOOPBACK}:{left.port},{LOOPBACK}:{node.port}") as store,
    ):
        # WHEN the store is asked THEN at the second time at the latest it asks another
        with pytest.raises(StoreUnavailable, match="has slot"):
            store.ping(soon())
        store.ping(soon())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["hostname", "unknown-endpoint"])
def test_a_node_that_is_not_named_is_the_one_that_answered(children: Children, tmp_path: Path, kind: str) -> None:
    # GIVEN a Cluster that tells host names that it has not got ("?"), or none at all
    node = lone_node(children, tmp_path, "--cluster-preferred-endpoint-type", kind)
    # WHEN a store is used THEN it finds its way
    with store_at(f"redis+cluster://{LOOPBACK}:{node.port}") as store:
        assert add(store, fresh_key(), event("a")).statuses == ("applied",)


NONSENSE = [b"+OK\r\n", b":7\r\n", b"$-1\r\n", b"*1\r\n:7\r\n", b"*1\r\n*3\r\n:0\r\n:16383\r\n:1\r\n"]


@pytest.mark.parametrize(
    "answer",
    [
        *NONSENSE,
        b"*1\r\n*3\r\n:0\r\n:16383\r\n*0\r\n",
        b"*1\r\n*3\r\n+x\r\n+y\r\n*2\r\n$-1\r\n:6379\r\n",
        b"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$-1\r\n:99999\r\n",
        b"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$-1\r\n$-1\r\n",
    ],
)
def test_slots_that_make_no_sense_are_no_store(answer: bytes) -> None:
    with TellingServer(answer) as server, store_at(f"redis+cluster://{LOOPBACK}:{server.port}") as store:
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                store.ping(soon())
        assert server.asked == 2


@pytest.mark.parametrize(
    "answer", [*NONSENSE, b"*2\r\n$1\r\nh\r\n$1\r\nx\r\n", b"*2\r\n$1\r\nh\r\n$1\r\n0\r\n", b"*2\r\n$-1\r\n$-1\r\n"]
)
def test_a_sentinel_that_makes_no_sense_is_no_store(answer: bytes) -> None:
    with TellingServer(answer) as server, store_at(f"redis+sentinel://{LOOPBACK}:{server.port}/main") as store:
        with pytest.raises(StoreUnavailable):
            store.ping(soon())
        assert server.asked == 1


@pytest.mark.parametrize("place", ["", ":", "h:x", "h:0", "h:65536", "h:-1", "h:²", "nothing"])
@pytest.mark.parametrize("kind", ["MOVED", "ASK"])
def test_a_redirection_to_nowhere_is_no_store(kind: str, place: str) -> None:
    answer = f"-{kind} 1 {place}\r\n".encode()
    with TellingServer(answer) as server, store_at(f"redis://{LOOPBACK}:{server.port}") as store:
        with pytest.raises(StoreUnavailable):
            store.ping(soon())
        assert server.asked == 1

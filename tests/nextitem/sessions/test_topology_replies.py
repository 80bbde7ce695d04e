"""Replies of nodes and Sentinels about other servers: missing, without a host, or malformed."""

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
from tests.nextitem.sessions.scripted_server import ScriptedServer, SilentServer

SHORT_SECONDS = 0.2
"""Timeout of a store whose server hangs."""


@contextmanager
def store_at(url: str, timeout: float = PATIENCE_SECONDS) -> Iterator[ValkeyStore]:
    store = ValkeyStore(parse_store_url(url), timeout=timeout, ttl=60)
    yield store
    store.close()


def is_available(store: ValkeyStore) -> bool:
    try:
        store.ping(soon())
    except StoreUnavailable:
        return False
    return True


def lone_node(children: Children, folder: Path, *options: str) -> Node:
    """Start a Cluster of one node."""
    node = start_node(children, folder, "--cluster-enabled", "yes", "--cluster-port", str(free_port()), *options)
    node.ask("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)
    eventually(lambda: b"cluster_state:ok" in node.ask("CLUSTER", "INFO"), "the Cluster is up")
    return node


@pytest.mark.slow
def test_nodes_that_are_silent_are_asked_in_turn(children: Children, tmp_path: Path) -> None:
    node = lone_node(children, tmp_path)
    with (
        SilentServer() as silent,
        store_at(f"redis+cluster://{LOOPBACK}:{silent.port},{LOOPBACK}:{node.port}", SHORT_SECONDS) as store,
    ):
        # GIVEN a Cluster with a silent node, and another that hangs until both were tried twice
        os.kill(node.child.pid, signal.SIGSTOP)
        assert [is_available(store) for _ in range(4)] == [False] * 4
        # WHEN the other answers again THEN it is used
        os.kill(node.child.pid, signal.SIGCONT)
        eventually(lambda: is_available(store), "the store is back")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["hostname", "unknown-endpoint"])
def test_a_node_without_a_host_is_the_one_that_replied(children: Children, tmp_path: Path, kind: str) -> None:
    # A Cluster whose hosts are "?" or NULL
    node = lone_node(children, tmp_path, "--cluster-preferred-endpoint-type", kind)
    with store_at(f"redis+cluster://{LOOPBACK}:{node.port}") as store:
        assert add(store, fresh_key(), event("a")).statuses == ("applied",)


MALFORMED = [b"+OK\r\n", b":7\r\n", b"$-1\r\n", b"*1\r\n:7\r\n", b"*1\r\n*3\r\n:0\r\n:16383\r\n:1\r\n"]


@pytest.mark.parametrize(
    "reply",
    [
        *MALFORMED,
        b"*1\r\n*3\r\n:0\r\n:16383\r\n*0\r\n",
        b"*1\r\n*3\r\n+x\r\n+y\r\n*2\r\n$-1\r\n:6379\r\n",
        b"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$-1\r\n:99999\r\n",
        b"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$-1\r\n$-1\r\n",
    ],
)
def test_malformed_slots_mean_an_unavailable_store(reply: bytes) -> None:
    with ScriptedServer(reply) as server, store_at(f"redis+cluster://{LOOPBACK}:{server.port}") as store:
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                store.ping(soon())
        assert server.commands == 2


@pytest.mark.parametrize(
    "reply", [*MALFORMED, b"*2\r\n$1\r\nh\r\n$1\r\nx\r\n", b"*2\r\n$1\r\nh\r\n$1\r\n0\r\n", b"*2\r\n$-1\r\n$-1\r\n"]
)
def test_a_malformed_reply_of_a_sentinel_means_an_unavailable_store(reply: bytes) -> None:
    with ScriptedServer(reply) as server, store_at(f"redis+sentinel://{LOOPBACK}:{server.port}/main") as store:
        with pytest.raises(StoreUnavailable):
            store.ping(soon())
        assert server.commands == 1


@pytest.mark.parametrize("place", ["", ":", "h:x", "h:0", "h:65536", "h:-1", "h:²", "nothing"])
@pytest.mark.parametrize("kind", ["MOVED", "ASK"])
def test_a_malformed_redirection_means_an_unavailable_store(kind: str, place: str) -> None:
    reply = f"-{kind} 1 {place}\r\n".encode()
    with ScriptedServer(reply) as server, store_at(f"redis://{LOOPBACK}:{server.port}") as store:
        with pytest.raises(StoreUnavailable):
            store.ping(soon())
        assert server.commands == 1

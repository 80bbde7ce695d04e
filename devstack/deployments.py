"""Real deployments of several Valkey processes, for tests and chaos: Sentinel with a replica, and a Cluster."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from redis import Redis

from devstack.processes.children import LOOPBACK, Child, Children, free_port
from devstack.services.valkey import start_valkey, valkey_binary

SLOTS = 16_384
NODE_TIMEOUT_MS = 500
DOWN_AFTER_MS = 300
POLL_SECONDS = 0.02
"""Between two questions whether the servers are ready: they do not say so by themselves."""
PATIENCE_SECONDS = 20.0
"""Maximum time that `eventually` waits; no test depends on a shorter time."""


@dataclass(frozen=True)
class Node:
    """One server."""

    port: int
    child: Child

    @property
    def client(self) -> Redis:
        """A new client of this server alone; the caller closes it."""
        return Redis(LOOPBACK, self.port)

    def ask(self, *command: str | int) -> Any:
        """Send one command and return the reply."""
        with self.client as client:
            return client.execute_command(*command)


def eventually(condition: Callable[[], object], description: str) -> None:
    """Wait until a condition is true.

    Raises:
        AssertionError: it did not become true, with the description.

    Example:
        ``eventually(lambda: replica.exists(key), "the replica has the session")``
    """
    never = threading.Event()
    for _ in range(int(PATIENCE_SECONDS / POLL_SECONDS)):
        if condition():
            return
        never.wait(POLL_SECONDS)
    raise AssertionError(f"not within {PATIENCE_SECONDS} s: {description}")


def start_node(children: Children, folder: Path, *options: str) -> Node:
    """Start a server in a folder of its own, on a free port."""
    valkey = start_valkey(children, Path(mkdtemp(dir=folder)), *options)
    return Node(valkey.port, valkey.child)


def start_sentinel(children: Children, folder: Path, primary: Node) -> Node:
    """Start a Sentinel that watches a primary under the name `main`, and wait until it knows the primary's replica."""
    port = free_port()
    config = folder / f"sentinel-{port}.conf"
    config.write_text(
        f"bind {LOOPBACK}\nport {port}\nsentinel monitor main {LOOPBACK} {primary.port} 1\n"
        f"sentinel down-after-milliseconds main {DOWN_AFTER_MS}\nsentinel failover-timeout main 3000\n"
    )
    sentinel = children.start(
        "sentinel",
        [valkey_binary(), config, "--sentinel"],
        env={"PATH": os.defpath},
        cwd=folder,
        log=folder / f"sentinel-{port}.log",
    )
    sentinel.wait_until(lambda: "+monitor" in sentinel.log_text() or None)
    eventually(lambda: "+slave" in sentinel.log_text(), "the Sentinel knows the replica")
    return Node(port, sentinel)


class SentinelDeployment:
    """A primary and its replica, watched by one Sentinel under the name `main`."""

    def __init__(self, children: Children, folder: Path) -> None:
        self.primary = start_node(children, folder)
        of_primary = ["--replicaof", LOOPBACK, str(self.primary.port), "--repl-diskless-sync-delay", "0"]
        self.replica = start_node(children, folder, *of_primary)
        eventually(lambda: self.replica.ask("INFO", "replication")["master_link_status"] == "up", "the replica follows")
        self.sentinel = start_sentinel(children, folder, self.primary)
        self.port = self.sentinel.port
        self.url = f"redis+sentinel://{LOOPBACK}:{free_port()},{LOOPBACK}:{self.port}/main"

    def known_primary(self) -> int:
        """Return the port of the primary that the Sentinel names now."""
        return int(self.sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main")[1])


class ClusterDeployment:
    """A Cluster of three primaries and three replicas."""

    def __init__(self, children: Children, folder: Path) -> None:
        self.nodes = [
            start_node(
                children,
                folder,
                *("--cluster-enabled", "yes", "--cluster-node-timeout", str(NODE_TIMEOUT_MS)),
                *("--cluster-port", str(free_port()), "--repl-diskless-sync-delay", "0"),
            )
            for _ in range(6)
        ]
        primaries, replicas = self.nodes[:3], self.nodes[3:]
        for number, node in enumerate(primaries):
            node.ask("CLUSTER", "ADDSLOTSRANGE", SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1)
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            with self.nodes[0].client as client:
                port = node.client.config_get("cluster-port")["cluster-port"]
                client.execute_command("CLUSTER", "MEET", LOOPBACK, node.port, port)
        eventually(
            lambda: all(self._known_nodes(node) == len(self.nodes) for node in self.nodes), "all nodes know each other"
        )
        for primary, replica in zip(primaries, replicas, strict=True):
            replica.ask("CLUSTER", "REPLICATE", self.id_of(primary))
        eventually(lambda: all(self._is_healthy(node) for node in self.nodes), "the Cluster is healthy")
        self.url = f"redis+cluster://{LOOPBACK}:{self.nodes[0].port},{LOOPBACK}:{self.nodes[1].port}"

    @staticmethod
    def id_of(node: Node) -> str:
        """Return a node's id in the Cluster."""
        return str(node.ask("CLUSTER", "MYID").decode())

    def node_of(self, key: str) -> Node:
        """Return the primary that has a key now."""
        slot = self.slot_of(key)
        for node in self.nodes[:3]:
            ranges = node.ask("CLUSTER", "SLOTS")
            for first, last, primary, *_ in ranges:
                if first <= slot <= last:
                    return next(other for other in self.nodes if other.port == primary[1])
        raise AssertionError(f"no node has slot {slot}")

    def slot_of(self, key: str) -> int:
        """Return the slot of a key."""
        return int(self.nodes[0].ask("CLUSTER", "KEYSLOT", key))

    @staticmethod
    def _info(node: Node) -> dict[str, str]:
        return dict(line.split(":", 1) for line in node.ask("CLUSTER", "INFO").decode().split())

    def _known_nodes(self, node: Node) -> int:
        return int(self._info(node).get("cluster_known_nodes", 0))

    def _is_healthy(self, node: Node) -> bool:
        with node.client as client:
            replication = client.info("replication")
        linked = replication["role"] == "master" or replication["master_link_status"] == "up"
        replicas = replication["role"] == "slave" or replication["connected_slaves"] == 1
        return self._info(node).get("cluster_state") == "ok" and linked and replicas

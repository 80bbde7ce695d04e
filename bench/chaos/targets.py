"""Deployments of the session store, with the handles that faults need."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import quote

from bench.chaos.lake import Lake
from bench.chaos.namespace import Namespace, namespace_refusal
from bench.chaos.proxy import Proxy
from bench.chaos.server import Server
from devstack.deployments import ClusterDeployment, Node, SentinelDeployment, start_sentinel
from devstack.processes.children import LOOPBACK, Children
from devstack.services.bucket import Bucket
from devstack.services.tls_proxy import TlsProxy
from nextitem.deadline import Deadline
from nextitem.redis_client.command import execute
from nextitem.redis_client.reply_shapes import optional_bytes
from nextitem.redis_client.topology import Topology, topology_of
from nextitem.redis_client.url import parse_store_url

Shape = Literal[
    "single", "proxied", "tls", "namespace", "sentinel", "two Sentinels", "cluster", "replica as seed", "bucket"
]
READ_SECONDS = 5.0
"""Timeout of a command of the benchmark itself. The function's store deadline is much shorter."""
USER, PASSWORD = "app", "pass word/+"
PRIMARIES = 3

Part = TypeVar("Part")


@dataclass
class Target:
    """A running deployment; parts that its shape does not have are None.

    Attributes:
        url: the store's address for the function.
        direct: the store's address for the oracle.
        server: the single server.
        proxy: in front of the server.
        namespace: the network namespace of the server.
        sentinelled: the primary and the replica.
        first_contact: the Sentinel or the seed node that the function asks first.
        clustered: the Cluster.
        live_keys: returns the store's keys of all open sessions.
        paused: stops traffic inside its ``with`` block, after the last answer.
        frozen: stops the function's worker processes inside its ``with`` block.
        retire_workers: ends them, so that the next requests are cold starts.
        bucket: the models' bucket.
        lake: the event lake and its collector.
    """

    url: str
    direct: str
    server: Server | None = None
    proxy: Proxy | None = None
    namespace: Namespace | None = None
    sentinelled: SentinelDeployment | None = None
    first_contact: Node | None = None
    clustered: ClusterDeployment | None = None
    live_keys: Callable[[], list[str]] = field(default=list)
    paused: Callable[[], AbstractContextManager[None]] = nullcontext
    frozen: Callable[[], AbstractContextManager[None]] = nullcontext
    retire_workers: Callable[[], None] = lambda: None
    bucket: Bucket | None = None
    lake: Lake | None = None


def require(part: Part | None) -> Part:
    """Return a part of a target that a fault needs.

    Raises:
        AssertionError: the target has another shape; `catalogue` names a wrong one.
    """
    if part is None:
        raise AssertionError("this fault needs another shape of deployment; correct bench.chaos.catalogue")
    return part


class Reader:
    """Reads sessions from the store, whichever server has them."""

    def __init__(self, target: Target) -> None:
        self._topology: Topology = topology_of(parse_store_url(target.direct), "", READ_SECONDS)

    def fields(self, key: str, *names: str) -> list[bytes | None]:
        """Return fields of a session's hash."""
        parse = optional_bytes(len(names))
        return execute(self._topology, key, Deadline.after(READ_SECONDS), parse, "HMGET", key, *names)

    def close(self) -> None:
        """Close every connection."""
        self._topology.close()


def refusal(shape: Shape) -> str | None:
    """Return why this machine cannot run a deployment of a shape, or None if it can."""
    return namespace_refusal() if shape == "namespace" else None


@contextlib.contextmanager
def start_target(shape: Shape, folder: Path) -> Iterator[Target]:
    """Start a deployment; all its processes end with the block."""
    with ExitStack() as resources:
        # Before the processes, so that it outlives them: the kernel removes a namespace after its last process.
        namespace = resources.enter_context(Namespace()) if shape == "namespace" else None
        children = resources.enter_context(Children())
        match shape:
            case "sentinel" | "two Sentinels":
                yield _with_sentinels(children, folder, two=shape == "two Sentinels")
            case "cluster" | "replica as seed":
                yield _with_cluster(children, folder, replica_first=shape == "replica as seed")
            case _:
                yield _with_one_server(shape, Server(children, folder, namespace), namespace, folder, resources)


def _with_one_server(
    shape: Shape, server: Server, namespace: Namespace | None, folder: Path, resources: ExitStack
) -> Target:
    address = f"{server.host}:{server.port}"
    target = Target(f"redis://{address}/0", f"redis://{address}/0", server=server, namespace=namespace)
    port, tls = server.port, None
    if shape == "tls":
        tls = resources.enter_context(TlsProxy(server.port, folder, LOOPBACK))
        port = tls.port
    if shape in {"proxied", "tls"}:
        target.proxy = Proxy(port)
        target.proxy.start()
        resources.callback(target.proxy.stop)
        target.url = f"redis://{LOOPBACK}:{target.proxy.port}/0"
    if tls is not None and target.proxy is not None:
        server.ask("ACL", "SETUSER", USER, "on", f">{PASSWORD}", "~nextitem:*", "+@all", "-@admin", "-@dangerous")
        server.ask("ACL", "SETUSER", "oracle", "on", f">{PASSWORD}", "~*", "+@all")
        server.ask("ACL", "SETUSER", "default", "off")
        password = quote(PASSWORD, safe="")
        trusted = f"?ssl_ca_certs={tls.certificate}"
        target.url = f"rediss://{USER}:{password}@{LOOPBACK}:{target.proxy.port}/0{trusted}"
        target.direct = f"redis://oracle:{password}@{address}/0"
    return target


def _with_sentinels(children: Children, folder: Path, *, two: bool) -> Target:
    sentinelled = SentinelDeployment(children, folder)
    target = Target(sentinelled.url, sentinelled.url, sentinelled=sentinelled)
    if two:
        target.first_contact = start_sentinel(children, folder, sentinelled.primary)
        target.url = f"redis+sentinel://{LOOPBACK}:{target.first_contact.port},{LOOPBACK}:{sentinelled.port}/main"
    return target


def _with_cluster(children: Children, folder: Path, *, replica_first: bool) -> Target:
    clustered = ClusterDeployment(children, folder)
    target = Target(clustered.url, _seeds(clustered.nodes[PRIMARIES:]), clustered=clustered)
    if replica_first:
        target.first_contact = clustered.nodes[PRIMARIES]
        target.url = _seeds([target.first_contact, clustered.nodes[1]])
        target.direct = _seeds(clustered.nodes[PRIMARIES + 1 :])
    return target


def _seeds(nodes: list[Node]) -> str:
    return "redis+cluster://" + ",".join(f"{LOOPBACK}:{node.port}" for node in nodes)

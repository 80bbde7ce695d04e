"""What can be broken: a deployment of the session store, with the handles that a fault needs. Knows no traffic."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import quote

from bench.chaos import namespace
from bench.chaos.namespace import Namespace
from bench.chaos.proxy import Proxy
from bench.chaos.server import Server
from devstack.deployments import ClusterDeployment, Node, SentinelDeployment, start_sentinel
from devstack.processes.children import LOOPBACK, Children
from devstack.services.tls_proxy import TlsProxy
from nextitem.deadline import Deadline
from nextitem.redis_client.topology import Topology, execute, topology_of
from nextitem.redis_client.url import parse_store_url

Shape = Literal["single", "proxied", "tls", "namespace", "sentinel", "two Sentinels", "cluster", "replica as seed"]
READ_SECONDS = 5.0
"""What one command of ours may take: it is not the function's store deadline that is measured here."""
USER, PASSWORD = "app", "pass word/+"
PRIMARIES = 3

Part = TypeVar("Part")


@dataclass
class Scene:
    """A running deployment. Of the parts there are those that its shape has.

    Attributes:
        url: of the store, as the function is told.
        direct: of the store, as the oracle reads it.
        server: the single server.
        proxy: what stands before it.
        line: the namespace that it is in.
        sentinelled: the primary and the replica.
        hearsay: the Sentinel or the seed node that the function asks first.
        clustered: the Cluster.
        live_keys: gives the keys of the sessions that traffic knows.
        paused: holds traffic, every request answered, inside its ``with`` block.
        frozen: stops the function's worker processes inside its ``with`` block.
    """

    url: str
    direct: str
    server: Server | None = None
    proxy: Proxy | None = None
    line: Namespace | None = None
    sentinelled: SentinelDeployment | None = None
    hearsay: Node | None = None
    clustered: ClusterDeployment | None = None
    live_keys: Callable[[], list[str]] = field(default=list)
    paused: Callable[[], AbstractContextManager[None]] = nullcontext
    frozen: Callable[[], AbstractContextManager[None]] = nullcontext


def present(part: Part | None) -> Part:
    """Return a part of a scene that a fault needs.

    Raises:
        AssertionError: the scene is of another shape; a mistake in `faults`.
    """
    if part is None:
        raise AssertionError("a fault for another shape of deployment")
    return part


class Reader:
    """Reads sessions from the store as they are, wherever they are."""

    def __init__(self, scene: Scene) -> None:
        self._topology: Topology = topology_of(parse_store_url(scene.direct), "", READ_SECONDS)

    def fields(self, key: str, *names: str) -> list[bytes | None]:
        """Return fields of a session's hash."""
        answer: list[bytes | None] = execute(self._topology, key, Deadline.after(READ_SECONDS), "HMGET", key, *names)
        return answer

    def close(self) -> None:
        """Close every connection."""
        self._topology.close()


def missing(shape: Shape) -> str | None:
    """Return why this machine cannot have a deployment of a shape, or None if it can."""
    return namespace.refusal() if shape == "namespace" else None


@contextlib.contextmanager
def scene(shape: Shape, folder: Path) -> Iterator[Scene]:
    """Start a deployment; every process ends with the block."""
    with ExitStack() as resources:
        # Before the processes, so that it outlives them: a namespace goes when nobody is in it any more.
        line = resources.enter_context(Namespace()) if shape == "namespace" else None
        children = resources.enter_context(Children())
        match shape:
            case "sentinel" | "two Sentinels":
                yield _with_sentinels(children, folder, two=shape == "two Sentinels")
            case "cluster" | "replica as seed":
                yield _with_cluster(children, folder, replica_first=shape == "replica as seed")
            case _:
                yield _with_one_server(shape, Server(children, folder, line), line, folder, resources)


def _with_one_server(shape: Shape, server: Server, line: Namespace | None, folder: Path, resources: ExitStack) -> Scene:
    address = f"{server.host}:{server.port}"
    built = Scene(f"redis://{address}/0", f"redis://{address}/0", server=server, line=line)
    target, tls = server.port, None
    if shape == "tls":
        tls = resources.enter_context(TlsProxy(server.port, folder, LOOPBACK))
        target = tls.port
    if shape in {"proxied", "tls"}:
        built.proxy = Proxy(target)
        built.proxy.start()
        resources.callback(built.proxy.stop)
        built.url = f"redis://{LOOPBACK}:{built.proxy.port}/0"
    if tls is not None and built.proxy is not None:
        server.ask("ACL", "SETUSER", USER, "on", f">{PASSWORD}", "~nextitem:*", "+@all", "-@admin", "-@dangerous")
        server.ask("ACL", "SETUSER", "oracle", "on", f">{PASSWORD}", "~*", "+@all")
        server.ask("ACL", "SETUSER", "default", "off")
        password = quote(PASSWORD, safe="")
        trusted = f"?ssl_ca_certs={tls.certificate}"
        built.url = f"rediss://{USER}:{password}@{LOOPBACK}:{built.proxy.port}/0{trusted}"
        built.direct = f"redis://oracle:{password}@{address}/0"
    return built


def _with_sentinels(children: Children, folder: Path, *, two: bool) -> Scene:
    sentinelled = SentinelDeployment(children, folder)
    built = Scene(sentinelled.url, sentinelled.url, sentinelled=sentinelled)
    if two:
        built.hearsay = start_sentinel(children, folder, sentinelled.primary)
        built.url = f"redis+sentinel://{LOOPBACK}:{built.hearsay.port},{LOOPBACK}:{sentinelled.port}/main"
    return built


def _with_cluster(children: Children, folder: Path, *, replica_first: bool) -> Scene:
    clustered = ClusterDeployment(children, folder)
    built = Scene(clustered.url, _seeds(clustered.nodes[PRIMARIES:]), clustered=clustered)
    if replica_first:
        built.hearsay = clustered.nodes[PRIMARIES]
        built.url = _seeds([built.hearsay, clustered.nodes[1]])
        built.direct = _seeds(clustered.nodes[PRIMARIES + 1 :])
    return built


def _seeds(nodes: list[Node]) -> str:
    return "redis+cluster://" + ",".join(f"{LOOPBACK}:{node.port}" for node in nodes)

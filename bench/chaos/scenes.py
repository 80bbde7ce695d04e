"""What can be broken: a deployment of the session store, with the handles that a fault needs. Knows no traffic."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from redis import Redis

from bench.chaos.proxy import Proxy
from devstack.deployments import Clustered, Sentinelled
from devstack.processes import LOOPBACK, Child, Children
from devstack.valkey import READY, start_valkey, valkey_binary
from nextitem.deadline import Deadline
from nextitem.storeurl import parse_store_url
from nextitem.topology import Topology, exchange, topology_of

Shape = Literal["single", "proxied", "sentinel", "cluster"]
READ_SECONDS = 5.0
"""What one command of ours may take: it is not the function's store deadline that is measured here."""


class Server:
    """One server that may be killed and started again, empty, on its port."""

    def __init__(self, children: Children, folder: Path) -> None:
        self._children, self._folder = children, folder
        started = start_valkey(children, folder)
        self.port = urlsplit(started.url).port or 0
        self.child: Child = started.child

    def ask(self, *command: str | int) -> object:
        """Send one command and return its answer as it came."""
        with Redis(LOOPBACK, self.port) as client:
            return client.execute_command(*command)

    def start_again(self) -> None:
        """Start another, empty server on the port of the killed one."""
        arguments = ["--bind", LOOPBACK, "--port", str(self.port), "--save", "", "--appendonly", "no"]
        log = self._folder / f"after-{self.child.pid}.log"
        self.child = self._children.start(
            "valkey-server", [valkey_binary(), *arguments], env={"PATH": os.defpath}, cwd=self._folder, log=log
        )
        self.child.wait_until(lambda: True if READY in self.child.log_text() else None)


@dataclass
class Scene:
    """A running deployment. Of the parts there are those that its shape has.

    Attributes:
        url: of the store, as the function is told.
        direct: of the store, as the oracle reads it.
        live_keys: gives the keys of the sessions that traffic knows.
    """

    url: str
    direct: str
    server: Server | None = None
    proxy: Proxy | None = None
    sentinelled: Sentinelled | None = None
    clustered: Clustered | None = None
    live_keys: Callable[[], list[str]] = field(default=list)

    @property
    def the_server(self) -> Server:
        """The single server."""
        assert self.server is not None  # noqa: S101 - a fault for another shape is a mistake in `faults`
        return self.server

    @property
    def the_proxy(self) -> Proxy:
        """The proxy before the single server."""
        assert self.proxy is not None  # noqa: S101 - as above
        return self.proxy

    @property
    def the_cluster(self) -> Clustered:
        """The Cluster."""
        assert self.clustered is not None  # noqa: S101 - as above
        return self.clustered

    @property
    def the_sentinelled(self) -> Sentinelled:
        """The primary and the replica."""
        assert self.sentinelled is not None  # noqa: S101 - as above
        return self.sentinelled


class Reader:
    """Reads sessions from the store as they are, wherever they are."""

    def __init__(self, scene: Scene) -> None:
        self._topology: Topology = topology_of(parse_store_url(scene.direct), "")

    def fields(self, key: str, *names: str) -> list[bytes | None]:
        """Return fields of a session's hash."""
        answer: list[bytes | None] = exchange(self._topology, key, Deadline.after(READ_SECONDS), "HMGET", key, *names)
        return answer

    def close(self) -> None:
        """Close every connection."""
        self._topology.close()


@contextlib.contextmanager
def scene(shape: Shape, folder: Path) -> Iterator[Scene]:
    """Start a deployment; every process ends with the block."""
    with Children() as children, contextlib.ExitStack() as resources:
        match shape:
            case "single" | "proxied":
                server = Server(children, folder)
                direct = f"redis://{LOOPBACK}:{server.port}/0"
                proxy = None
                if shape == "proxied":
                    proxy = Proxy(server.port)
                    proxy.start()
                    resources.callback(proxy.stop)
                url = f"redis://{LOOPBACK}:{proxy.port}/0" if proxy else direct
                yield Scene(url, direct, server=server, proxy=proxy)
            case "sentinel":
                sentinelled = Sentinelled(children, folder)
                yield Scene(sentinelled.url, sentinelled.url, sentinelled=sentinelled)
            case "cluster":
                clustered = Clustered(children, folder)
                replicas = ",".join(f"{LOOPBACK}:{node.port}" for node in clustered.nodes[3:])
                yield Scene(clustered.url, f"redis+cluster://{replicas}", clustered=clustered)

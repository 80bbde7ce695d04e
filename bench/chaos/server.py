"""One server of the session store that may be killed and started again. Knows no fault and no traffic."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from redis import Redis

from bench.chaos.namespace import Namespace
from devstack.processes.children import LOOPBACK, Child, Children
from devstack.services.valkey import start_valkey, valkey_binary, wait_until_ready

PORT_INSIDE = 6379
"""In a namespace of its own every port is free."""


class Server:
    """A server, started; `start_again` starts another, empty one on its port.

    Args:
        children: owner of its process.
        folder: gets its log.
        namespace: where it runs, or None for this machine's own network.
    """

    def __init__(self, children: Children, folder: Path, namespace: Namespace | None = None) -> None:
        self._children, self._folder, self._namespace = children, folder, namespace
        self.host = namespace.address if namespace else LOOPBACK
        if namespace is None:
            started = start_valkey(children, folder)
            self.port, self.child = urlsplit(started.url).port or 0, started.child
        else:
            self.port = PORT_INSIDE
            self.child = self._started("first.log")

    def ask(self, *command: str | int) -> object:
        """Send one command and return its answer as it came."""
        with Redis(self.host, self.port) as client:
            return client.execute_command(*command)

    def start_again(self) -> None:
        """Start another, empty server on the port of the killed one."""
        self.child = self._started(f"after-{self.child.pid}.log")

    def _started(self, log: str) -> Child:
        # Protected mode would refuse whoever is not on loopback.
        bound = ["--bind", self.host, "--port", str(self.port), "--protected-mode", "no"]
        argv: list[str | Path] = [valkey_binary(), *bound, "--save", "", "--appendonly", "no"]
        child = self._children.start(
            "valkey-server",
            self._namespace.command(*argv) if self._namespace else argv,
            env={"PATH": os.defpath},
            cwd=self._folder,
            log=self._folder / log,
        )
        wait_until_ready(child)
        return child

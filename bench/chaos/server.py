"""One server of the session store that can be killed and started again."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from redis import Redis

from bench.chaos.namespace import Namespace
from devstack.processes.children import LOOPBACK, Child, Children
from devstack.services.valkey import start_valkey, valkey_binary, wait_until_ready

PORT_INSIDE = 6379
"""Every port is free in a namespace of its own."""


class Server:
    """A running server; `start_again` starts another, empty one on its port.

    Args:
        children: owns its process.
        folder: for its log.
        namespace: where it runs; None for this machine's own network.
    """

    def __init__(self, children: Children, folder: Path, namespace: Namespace | None = None) -> None:
        self._children, self._folder, self._namespace = children, folder, namespace
        self.host = namespace.address if namespace else LOOPBACK
        if namespace is None:
            started = start_valkey(children, folder)
            self.port, self.child = urlsplit(started.url).port or 0, started.child
        else:
            self.port = PORT_INSIDE
            self.child = self._start("first.log")

    def ask(self, *command: str | int) -> object:
        """Send one command and return its answer."""
        with Redis(self.host, self.port) as client:
            return client.execute_command(*command)

    def start_again(self) -> None:
        """Start another, empty server on the port of the killed one."""
        self.child = self._start(f"after-{self.child.pid}.log")

    def _start(self, log: str) -> Child:
        # Protected mode would refuse clients that are not on loopback.
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

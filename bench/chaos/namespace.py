"""A network namespace whose link can be cut: packets are dropped then, and neither side gets an error.

It needs root and iproute2. Names contain the process id, so that a run can remove the namespaces of killed runs.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

PREFIX = "chaos-"
HOST_SIDE, INSIDE = "198.18.{}.1", "198.18.{}.2"
"""Addresses of 198.18.0.0/15, which is reserved for tests of networks (RFC 2544)."""
NETWORKS = 256
INSIDE_MAC = "02:00:00:00:00:02"
COMMAND_SECONDS = 10.0
_NAME = re.compile(rf"^{PREFIX}(\d+)\b", re.MULTILINE)


class NamespaceRefused(Exception):
    """This machine allows no network namespace; the message says why."""


class Namespace:
    """A namespace, inside its ``with`` block.

    Attributes:
        address: of servers inside, for clients outside.
    """

    def __init__(self) -> None:
        pid = os.getpid()
        self.name = f"{PREFIX}{pid}"
        self._outside, self._inside = f"ch{pid}o", f"ch{pid}i"
        self.address = INSIDE.format(pid % NETWORKS)

    def __enter__(self) -> Self:
        _sweep()
        _ip("netns", "add", self.name)
        try:
            self._connect()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._remove()

    def command(self, *argv: str | Path) -> list[str | Path]:
        """Return a command that runs another one inside, under the same process id."""
        return [shutil.which("ip") or "ip", "netns", "exec", self.name, *argv]

    def cut(self) -> None:
        """Drop every packet in both directions from now on."""
        _ip("-n", self.name, "link", "set", self._inside, "down")

    def heal(self) -> None:
        """Forward packets again; connections that are still open go on."""
        _ip("-n", self.name, "link", "set", self._inside, "up")

    def _connect(self) -> None:
        outside = HOST_SIDE.format(os.getpid() % NETWORKS)
        _ip("link", "add", self._outside, "type", "veth", "peer", "name", self._inside, "netns", self.name)
        _ip("-n", self.name, "link", "set", self._inside, "address", INSIDE_MAC)
        _ip("addr", "add", f"{outside}/30", "dev", self._outside)
        _ip("-n", self.name, "addr", "add", f"{self.address}/30", "dev", self._inside)
        _ip("link", "set", self._outside, "up")
        _ip("-n", self.name, "link", "set", self._inside, "up")
        # A permanent entry: without an answer to ARP the kernel would report "no route to host" instead of silence.
        _ip("neigh", "replace", self.address, "lladdr", INSIDE_MAC, "dev", self._outside, "nud", "permanent")

    def _remove(self) -> None:
        """Remove the link first: the kernel is slow to remove a namespace that still has sockets."""
        try:
            if Path("/sys/class/net", self._outside).exists():
                _ip("link", "del", self._outside)
        finally:
            _ip("netns", "del", self.name)


def namespace_refusal() -> str | None:
    """Create a namespace once; return why this machine refuses it, or None."""
    try:
        with Namespace() as namespace:
            namespace.cut()
            namespace.heal()
    except NamespaceRefused as error:
        return str(error)
    return None


def _sweep() -> None:
    """Remove the namespaces of killed runs, and their links with them."""
    for pid in _NAME.findall(_ip("netns", "list")):
        if not Path("/proc", pid).exists():
            _ip("netns", "del", f"{PREFIX}{pid}")


def _ip(*arguments: str) -> str:
    """Run `ip` and return its output.

    Raises:
        NamespaceRefused: it failed, or is not installed.
    """
    command = ["ip", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NamespaceRefused(f"ip cannot be run: {error}") from error
    if done.returncode:
        raise NamespaceRefused(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout

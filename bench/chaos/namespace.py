"""A network namespace of this run's own, with a line into it that can be cut: packets then vanish, and nobody is told.

Needs root and iproute2. Names carry the process id; what a killed run left behind goes when the next one begins. Knows
nothing of what is in the namespace.
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
"""Addresses of 198.18.0.0/15, which no network uses: it is for tests of networks (RFC 2544)."""
NETWORKS = 256
INSIDE_MAC = "02:00:00:00:00:02"
COMMAND_SECONDS = 10.0
_NAME = re.compile(rf"^{PREFIX}(\d+)\b", re.MULTILINE)


class NamespaceRefused(Exception):
    """This machine lets us have no network namespace; the text says why."""


class Namespace:
    """A namespace, inside its ``with`` block.

    Attributes:
        address: at which servers inside can be reached from outside.
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
        """Return the command that runs another one inside; it becomes that one, under the same process id."""
        return [shutil.which("ip") or "ip", "netns", "exec", self.name, *argv]

    def cut(self) -> None:
        """Let every packet, either way, vanish from now on."""
        _ip("-n", self.name, "link", "set", self._inside, "down")

    def heal(self) -> None:
        """Let packets through again; connections that neither side gave up go on."""
        _ip("-n", self.name, "link", "set", self._inside, "up")

    def _connect(self) -> None:
        outside = HOST_SIDE.format(os.getpid() % NETWORKS)
        _ip("link", "add", self._outside, "type", "veth", "peer", "name", self._inside, "netns", self.name)
        _ip("-n", self.name, "link", "set", self._inside, "address", INSIDE_MAC)
        _ip("addr", "add", f"{outside}/30", "dev", self._outside)
        _ip("-n", self.name, "addr", "add", f"{self.address}/30", "dev", self._inside)
        _ip("link", "set", self._outside, "up")
        _ip("-n", self.name, "link", "set", self._inside, "up")
        # Without it the kernel would ask who has the address, hear nothing, and say "no route to host": no silence.
        _ip("neigh", "replace", self.address, "lladdr", INSIDE_MAC, "dev", self._outside, "nud", "permanent")

    def _remove(self) -> None:
        """Remove both ends of the line first: the kernel takes its time over a namespace that still has sockets."""
        try:
            if Path("/sys/class/net", self._outside).exists():
                _ip("link", "del", self._outside)
        finally:
            _ip("netns", "del", self.name)


def refusal() -> str | None:
    """Try it once and return why there can be no namespace here, or None if there can."""
    try:
        with Namespace() as namespace:
            namespace.cut()
            namespace.heal()
    except NamespaceRefused as error:
        return str(error)
    return None


def _sweep() -> None:
    """Remove the namespaces of runs that were killed; their lines go with them."""
    for pid in _NAME.findall(_ip("netns", "list")):
        if not Path("/proc", pid).exists():
            _ip("netns", "del", f"{PREFIX}{pid}")


def _ip(*arguments: str) -> str:
    """Run `ip` and return what it wrote.

    Raises:
        NamespaceRefused: it failed, or there is none.
    """
    command = ["ip", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NamespaceRefused(f"ip cannot be run: {error}") from error
    if done.returncode:
        raise NamespaceRefused(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout

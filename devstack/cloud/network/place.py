"""One place of a local cloud: a network namespace with names, addresses and trusted certificates of its own.

Only what is opened with `listen` can be reached there; every other address is a black hole that times out.
"""

import json
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from devstack.cloud.network.trust import Mount, missing_bundle
from devstack.processes.children import Children
from devstack.processes.errors import StackError

PROGRAM = Path(__file__).with_name("namespace_process.py")
_INTERPRETER = (sys.executable, "-I", "-S", str(PROGRAM))
_NAMES_FROM_FILE_ONLY = "hosts: files\n"
_FILES = {"hosts": "127.0.0.1 localhost\n", "resolv.conf": "", "nsswitch.conf": _NAMES_FROM_FILE_ONLY}
"""Files of /etc that each place has of its own; where a machine lacks one, its resolver has no other source either."""


def available() -> str | None:
    """Say why this machine allows no place; None if it does."""
    if sys.platform != "linux":
        return "Network namespaces exist on Linux only."
    if reason := missing_bundle():
        return reason
    done = subprocess.run([*_INTERPRETER, "probe"], capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    if done.returncode:
        reason = done.stderr.strip().rpartition("\n")[2]
        return (
            f"This machine allows no user and network namespaces (sysctl user.max_user_namespaces, AppArmor): {reason}"
        )
    return None


class Place:
    """A namespace, inside its ``with`` block; a process of `children` holds it.

    Attributes:
        label: for messages, and the name of its folder.
        address: of those who call from inside.
    """

    def __init__(
        self, label: str, address: str, children: Children, directory: Path, mounts: Iterable[Mount] = ()
    ) -> None:
        """Keep the settings; nothing is started yet.

        Args:
            label: see above.
            address: see above; IPv4.
            children: owner of the process that holds the namespace.
            directory: an existing folder for its files.
            mounts: what is bound over files and folders of the machine.
        """
        self.label = label
        self.address = address
        self._children = children
        self._directory = directory / label
        self._mounts = list(mounts)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._directory.mkdir()
        mounts = [*self._mounts, *self._own_files()]
        pairs = json.dumps([(str(source), str(target)) for source, target in mounts])
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._holder = self._children.start(
                    f"place {self.label}",
                    [*_INTERPRETER, "hold", str(theirs.fileno()), self.address, pairs],
                    env={},
                    cwd=self._directory,
                    log=self._directory / "place.log",
                    pass_fds=[theirs.fileno()],
                )
            self._holder.wait_until(self._ready)
        except BaseException:
            self._channel.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()
        self._holder.kill()

    def listen(self, address: str, port: int) -> socket.socket:
        """Make an address local inside and return a socket that listens there, for a server in this process.

        Args:
            address: IPv4.
            port: 0 takes a free one.

        Raises:
            StackError: the port is taken, or the address is none.
        """
        with self._lock:
            self._channel.send(f"{address} {port}".encode())
            reply, descriptors, _, _ = socket.recv_fds(self._channel, 256, 1)
        if not descriptors:
            raise StackError(f"{self.label}: nothing can listen: {reply.decode() or 'its process has ended'}.")
        return socket.socket(fileno=descriptors[0])

    def name(self, host: str, address: str) -> None:
        """Give a host its address; only such names are known inside."""
        with (self._directory / "hosts").open("a") as hosts:
            hosts.write(f"{address} {host}\n")

    def command(self, *argv: str | Path, scratch: Path | None = None, kept: Sequence[Path] = ()) -> list[str | Path]:
        """Return a command that runs another one inside, under the same process id.

        Args:
            argv: the path of a program, and its arguments.
            scratch: a folder that is /tmp for the command; None: it sees the machine's own.
            kept: folders that the command needs although they are below /tmp.
        """
        return [*_INTERPRETER, "enter", str(self._holder.pid), str(scratch or ""), *map(str, kept), "--", *argv]

    def _ready(self) -> bool | None:
        readable, _, _ = select.select([self._channel], [], [], 0)
        return (bool(readable) and self._channel.recv(64) == b"ready") or None

    def _own_files(self) -> Iterable[Mount]:
        for name, content in _FILES.items():
            source, target = self._directory / name, Path("/etc", name)
            source.write_text(content)
            if target.exists():
                yield source, target.resolve()

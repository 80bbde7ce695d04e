"""A gate where a toy handler waits until the test lets it pass: order without sleeping."""

import os
import signal
import socket
from typing import Self

PATIENCE_SECONDS = 20.0
"""Maximum wait of a test; no test depends on a shorter time."""


class Visitor:
    """A handler that waits at the gate; `pid` is its process."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE_SECONDS)
        self._connection = connection
        try:
            self.pid = int(connection.recv(64))
        except (OSError, ValueError):  # its process has ended
            connection.close()
            raise

    def let_pass(self) -> None:
        self._connection.sendall(b".")

    def kill(self) -> None:
        """Kill the visitor's process."""
        os.kill(self.pid, signal.SIGKILL)

    def has_died(self) -> bool:
        """Wait until the visitor's process has ended, which closes its side of the connection."""
        return self._connection.recv(1) == b""

    def close(self) -> None:
        self._connection.close()


class Gate:
    """Listens on a free port of loopback, `port`."""

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(PATIENCE_SECONDS)
        self.port = int(self._socket.getsockname()[1])
        self._visitors: list[Visitor] = []
        return self

    def __exit__(self, *_: object) -> None:
        for visitor in self._visitors:
            visitor.close()
        self._socket.close()

    def wait_for_visitor(self) -> Visitor:
        connection, _ = self._socket.accept()
        self._visitors.append(Visitor(connection))
        return self._visitors[-1]

    def has_another_visitor(self) -> bool:
        """Return whether a visitor waits that `wait_for_visitor` has not returned."""
        self._socket.setblocking(False)
        try:
            self.wait_for_visitor()
        except BlockingIOError:
            return False
        finally:
            self._socket.settimeout(PATIENCE_SECONDS)
        return True

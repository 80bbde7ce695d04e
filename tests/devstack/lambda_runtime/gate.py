"""A gate at which a toy handler waits until the test lets it through: order without sleeping."""

import os
import signal
import socket
from types import TracebackType
from typing import Self

PATIENCE_SECONDS = 20.0
"""A test that waits longer than this has failed."""


class Visitor:
    """A handler that stands at the gate, in the worker of that process id."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE_SECONDS)
        self._connection = connection
        try:
            self.pid = int(connection.recv(64))
        except (OSError, ValueError):  # who came is gone again
            connection.close()
            raise

    def let_through(self) -> None:
        self._connection.sendall(b".")

    def kill(self) -> None:
        """Let the visitor's process die where it stands."""
        os.kill(self.pid, signal.SIGKILL)

    def has_died(self) -> bool:
        """Wait until the visitor's process is gone (its side of the connection closes)."""
        return self._connection.recv(1) == b""

    def close(self) -> None:
        self._connection.close()


class Gate:
    """Listens on a free loopback port, `port`."""

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(PATIENCE_SECONDS)
        self.port = int(self._socket.getsockname()[1])
        self._visitors: list[Visitor] = []
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for visitor in self._visitors:
            visitor.close()
        self._socket.close()

    def wait_for_visitor(self) -> Visitor:
        connection, _ = self._socket.accept()
        self._visitors.append(Visitor(connection))
        return self._visitors[-1]

    def has_visitor_waiting(self) -> bool:
        """Whether somebody has come whom nobody has looked at."""
        self._socket.setblocking(False)
        try:
            self.wait_for_visitor()
        except BlockingIOError:
            return False
        finally:
            self._socket.settimeout(PATIENCE_SECONDS)
        return True

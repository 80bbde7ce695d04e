"""Servers that send one fixed reply, or none."""

import socket
from collections.abc import Callable
from types import TracebackType
from typing import Self

from devstack.processes.children import LOOPBACK
from tests.nextitem.listener import Listener


class ScriptedServer(Listener):
    """Replies to each command with `reply`, in bytes of the protocol; counts commands and connections.

    `reply` may be a function of the command. Nothing is sent where it is empty; None ends the connection.
    """

    def __init__(self, reply: bytes | Callable[[bytes], bytes | None]) -> None:
        super().__init__()
        self.reply, self.commands, self.connections = reply, 0, 0

    def accepted(self, client: socket.socket) -> None:
        """See `Listener.accepted`."""
        self.connections += 1
        self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        try:
            while command := client.recv(1 << 16):
                self.commands += 1
                reply = self.reply if isinstance(self.reply, bytes) else self.reply(command)
                if reply is None:
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(reply)
        except OSError:
            return  # it was shut down


class SilentServer:
    """Accepts connections and sends nothing."""

    def __init__(self) -> None:
        self._socket = socket.create_server((LOOPBACK, 0))
        self.port = int(self._socket.getsockname()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

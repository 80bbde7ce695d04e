"""A proxy that forgets its connections without closing them, as a NAT does."""

import socket

from devstack.processes.children import LOOPBACK
from tests.nextitem.listener import Listener


class SilentProxy(Listener):
    """Listens on a port and forwards to the port `target`."""

    def __init__(self) -> None:
        super().__init__()
        self.target = 0
        self._silenced: set[socket.socket] = set()

    def fall_silent(self) -> None:
        """Forward nothing more on the connections that are open now; new ones work."""
        self._silenced.update(self._open)

    def accepted(self, client: socket.socket) -> None:
        """See `Listener.accepted`."""
        server = socket.create_connection((LOOPBACK, self.target))
        self._open.append(server)
        self._start(self._forward, client, server)
        self._start(self._forward, server, client)

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                if source not in self._silenced:
                    target.sendall(data)
        except OSError:
            return  # it was shut down

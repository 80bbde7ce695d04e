"""A line whose connections a NAT on the way forgets: nobody is told, and new ones are as good as ever."""

import socket

from devstack.processes.children import LOOPBACK
from tests.nextitem.listener import Listener


class SilentLine(Listener):
    """A port that leads to `target`, another one; old connections stay open when it falls silent, and lead nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.target = 0
        self._silenced: set[socket.socket] = set()

    def fall_silent(self) -> None:
        """Let no byte more pass on what is open now."""
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

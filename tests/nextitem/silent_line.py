"""A line whose connections a NAT on the way forgets: nobody is told, and new ones are as good as ever."""

import socket
import threading
from types import TracebackType
from typing import Self

from devstack.processes import LOOPBACK


class SilentLine:
    """A port that leads to `target`, another one; old connections stay open when it falls silent, and lead nowhere."""

    def __init__(self) -> None:
        self.target = 0
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._silenced: set[socket.socket] = set()

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for each in (self._listener, *self._open):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the other side was first
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._open):
            each.close()

    def fall_silent(self) -> None:
        """Let no byte more pass on what is open now."""
        self._silenced.update(self._open)

    def _start(self, work: object, *args: socket.socket) -> None:
        assert callable(work)
        self._threads.append(threading.Thread(target=work, args=args))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # the listener was shut down
            server = socket.create_connection((LOOPBACK, self.target))
            self._open += [client, server]
            self._start(self._forward, client, server)
            self._start(self._forward, server, client)

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                if source not in self._silenced:
                    target.sendall(data)
        except OSError:
            return  # it was shut down

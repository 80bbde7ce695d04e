"""A port of a test's own that accepts connections in threads, and ends them all with its block."""

import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Self

from devstack.processes.children import LOOPBACK


class Listener(ABC):
    """Subclasses say what becomes of each connection."""

    def __init__(self) -> None:
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

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

    @abstractmethod
    def accepted(self, client: socket.socket) -> None:
        """Begin with a connection; must not wait for it."""

    def _start(self, work: Callable[..., None], *args: socket.socket) -> None:
        self._threads.append(threading.Thread(target=work, args=args))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # the listener was shut down
            self._open.append(client)
            self.accepted(client)

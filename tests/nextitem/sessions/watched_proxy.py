"""A proxy that lets a test act before each reply, and break the connection for good."""

import contextlib
import select
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from devstack.processes.children import LOOPBACK


class WatchedProxy:
    """Forwards a port to a server.

    Args:
        port: the server's.
        passes: gets the number of each reply, from 0, before it is forwarded. If it returns False, the reply is lost,
            the connection breaks, and every later one breaks at once.
    """

    def __init__(self, port: int, passes: Callable[[int], bool]) -> None:
        self._port, self._passes = port, passes
        self._listener = socket.create_server((LOOPBACK, 0))
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve)
        self.replies = 0
        self.url = f"redis://{LOOPBACK}:{self._listener.getsockname()[1]}/0"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for each in (self._listener, self._client):
            with contextlib.suppress(OSError):  # it is closed already
                if each is not None:
                    each.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        cut = False
        try:
            while True:
                self._client, _ = self._listener.accept()
                with self._client as client:
                    if not cut:
                        with socket.create_connection((LOOPBACK, self._port)) as server:
                            cut = self._forward(client, server)
        except OSError:
            return  # the listener was shut down

    def _forward(self, client: socket.socket, server: socket.socket) -> bool:
        """Forward until one end is closed; return whether the proxy broke the connection."""
        while True:
            for ready in select.select([client, server], [], [])[0]:
                data = ready.recv(1 << 20)
                if not data:
                    return False
                if ready is server:
                    number, self.replies = self.replies, self.replies + 1
                    if not self._passes(number):
                        return True
                (server if ready is client else client).sendall(data)

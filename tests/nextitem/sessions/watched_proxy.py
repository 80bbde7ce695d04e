"""A line to a server on which a test sees each answer before it goes through, and may cut it for good."""

import contextlib
import select
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from devstack.processes.children import LOOPBACK


class WatchedLine:
    """A port that leads to a server.

    Args:
        port: the server's.
        passes: told the number of each answer, from 0, before it goes through; if it says no, that answer is lost, the
            connection breaks, and so does every later one at once.
    """

    def __init__(self, port: int, passes: Callable[[int], bool]) -> None:
        self._port, self._passes = port, passes
        self._listener = socket.create_server((LOOPBACK, 0))
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve)
        self.answers = 0
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
        """Pass on what comes until one end is closed; whether the line was cut."""
        while True:
            for ready in select.select([client, server], [], [])[0]:
                data = ready.recv(1 << 20)
                if not data:
                    return False
                if ready is server:
                    number, self.answers = self.answers, self.answers + 1
                    if not self._passes(number):
                        return True
                (server if ready is client else client).sendall(data)

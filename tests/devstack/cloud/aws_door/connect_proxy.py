"""A CONNECT proxy: obstore resolves names itself, so its connections to AWS's names are led to the door here."""

import socket
import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from devstack.processes.children import LOOPBACK


class ConnectProxy:
    """Leads each tunnel to a port of this machine, inside its ``with`` block.

    Args:
        port_of: returns the port for a host.
    """

    def __init__(self, port_of: Callable[[str], int]) -> None:
        class Tunnel(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                host = self.rfile.readline().split()[1].decode().partition(":")[0]
                while self.rfile.readline().strip():
                    pass  # the head ends with an empty line
                with socket.create_connection((LOOPBACK, port_of(host))) as server:
                    self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    back = threading.Thread(target=_copy, args=(server, self.connection))
                    back.start()
                    _copy(self.connection, server)
                    back.join()

        self._server = socketserver.ThreadingTCPServer((LOOPBACK, 0), Tunnel)
        self._server.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):  # either side may hang up
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

"""An HTTP server on loopback: the base of stand-ins for other services, in benchmarks and tests."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from devstack.processes.children import LOOPBACK

POLL_SECONDS = 0.01
"""Time in which the server notices that it should stop."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print an error, unless the client is gone: tests kill clients."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class LoopbackHttp:
    """Serves on a free port inside its ``with`` block.

    Args:
        handler: answers the requests, each connection in a thread; it logs nothing.

    Attributes:
        port: the server's port.
        endpoint: `http://127.0.0.1:port`.
    """

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        quiet = type(handler.__name__, (handler,), {"log_message": lambda *_: None})
        self._server = _Server((LOOPBACK, 0), quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,))
        self.port = self._server.server_port
        self.endpoint = f"http://{LOOPBACK}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

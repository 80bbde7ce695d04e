"""An S3 endpoint on loopback that answers every GET with the same object, and with headers that S3 would not send."""

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from devstack.processes.children import LOOPBACK

POLL_SECONDS = 0.01
"""Time in which the server notices that it should stop."""
USUAL = {"ETag": '"tag"', "Last-Modified": "Tue, 20 Jan 2026 09:20:00 GMT", "Content-Length": "2"}


class HeaderServer:
    """Sends some headers instead of the usual ones; None leaves one out.

    Attributes:
        endpoint: `http://127.0.0.1:port`.
    """

    def __init__(self, headers: Mapping[str, str | None]) -> None:
        sent = {**USUAL, **headers}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response_only(200)
                for name, value in sent.items():
                    if value is not None:
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,))
        self.endpoint = f"http://{LOOPBACK}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

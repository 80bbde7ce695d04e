"""A proxy on loopback that loses requests or answers, or answers a request itself."""

import http.client
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from bench.common.loopback_http import LoopbackHttp


class Reply(NamedTuple):
    """An answer of the proxy's own: status and body."""

    status: int
    body: bytes


Fault = Literal["lose request", "lose answer"] | Reply


class LossyProxy(LoopbackHttp):
    """Forwards HTTP requests to a server, except those that `fail` names.

    Attributes:
        left: the number of requests that will still fail.
    """

    def __init__(self, target: str) -> None:
        self._fault: tuple[Fault, Callable[[str, str, bytes], bool]] | None = None
        self.left = 0
        proxy, server = self, urlsplit(target)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fault = proxy._take_fault(self.command, self.path, body)
                if isinstance(fault, Reply):
                    self._reply(fault.status, {}, fault.body)
                    return
                self.close_connection = fault is not None
                if fault != "lose request":
                    connection = http.client.HTTPConnection(server.hostname or "", server.port)
                    connection.request(self.command, self.path, body, dict(self.headers))
                    response = connection.getresponse()
                    content = response.read()
                    connection.close()
                    if fault is None:
                        self._reply(response.status, dict(response.getheaders()), content)

            def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response_only(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    if name.lower() not in {"connection", "transfer-encoding"}:
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        for method in ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"):
            setattr(Handler, f"do_{method}", Handler.forward)
        super().__init__(Handler)

    def fail(self, fault: Fault, matches: Callable[[str, str, bytes], bool], times: int) -> None:
        """Apply a fault to the next requests whose method, path and body match."""
        self._fault, self.left = (fault, matches), times

    def _take_fault(self, method: str, path: str, body: bytes) -> Fault | None:
        if self._fault is None or not self.left or not self._fault[1](method, path, body):
            return None
        self.left -= 1
        return self._fault[0]

"""An S3 endpoint on loopback that answers every GET with the same object, and with headers that S3 would not send."""

from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler

from bench.common.loopback_http import LoopbackHttp

USUAL = {"ETag": '"tag"', "Last-Modified": "Tue, 20 Jan 2026 09:20:00 GMT", "Content-Length": "2"}


class HeaderServer(LoopbackHttp):
    """Sends some headers instead of the usual ones; None leaves one out."""

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

        super().__init__(Handler)

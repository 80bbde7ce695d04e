"""A bucket's endpoint that keeps connections open, as S3 does and moto's server does not."""

import http.client
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from bench.common.loopback_http import LoopbackHttp

SECONDS = 20.0


class KeepingLine(LoopbackHttp):
    """Passes GET requests on to `target`, an endpoint's URL, and keeps its own connections open."""

    def __init__(self) -> None:
        self.target = ""
        line = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                connection = http.client.HTTPConnection(urlsplit(line.target).netloc, timeout=SECONDS)
                connection.request("GET", self.path, headers=dict(self.headers))
                answer = connection.getresponse()
                body = answer.read()
                connection.close()
                self.send_response(answer.status)
                for name in ("Content-Type", "ETag", "Last-Modified"):
                    if (value := answer.getheader(name)) is not None:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        super().__init__(Handler)

"""A loopback server that keeps the requests it gets, as they come over the network."""

import re
from http.server import BaseHTTPRequestHandler

from bench.common.loopback_http import LoopbackHttp
from devstack.cloud.iam.signatures import SignedRequest


class Recorder(LoopbackHttp):
    """Answers every request with the same body, or with the range of it that is asked for.

    Attributes:
        requests: in the order of their arrival.
        answer: the body of answers.
    """

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.requests: list[SignedRequest] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                path, _, query = self.path.partition("?")
                headers = tuple(self.headers.items())
                recorder.requests.append(SignedRequest(self.command, path, query, headers, self._body()))
                answer = recorder.answer
                if bounds := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")):
                    first, last = int(bounds[1]), int(bounds[2])
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {first}-{last}/{len(answer)}")
                    answer = answer[first : last + 1]
                else:
                    self.send_response(200)
                for name, value in (("ETag", '"tag"'), ("Last-Modified", "Tue, 20 Jan 2026 09:20:00 GMT")):
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815 - named by http.server

        super().__init__(Handler)

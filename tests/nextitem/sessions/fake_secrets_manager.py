"""A stand-in for Secrets Manager on loopback, whose answers a test sets."""

import json
import threading
from http.server import BaseHTTPRequestHandler
from types import TracebackType

from bench.common.loopback_http import LoopbackHttp

DRIP_SECONDS = 0.2
"""Time between two bytes of an endless answer."""


class FakeSecretsManager(LoopbackHttp):
    """Answers each POST with `body` and `status` once `may_answer` is set, and keeps the headers of the last request.

    While `drips` is set, answers do not end before the server stops.
    """

    def __init__(self) -> None:
        self.body, self.status, self.headers = b"", 200, dict[str, str]()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.drips, self._ended = threading.Event(), threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                fake.headers = {name.lower(): value for name, value in self.headers.items()}
                fake.may_answer.wait()
                self.send_response(fake.status)
                if fake.drips.is_set():
                    self._drip()
                    return
                self.send_header("Content-Length", str(len(fake.body)))
                self.end_headers()
                self.wfile.write(fake.body)

            def _drip(self) -> None:
                self.send_header("Content-Length", str(1 << 30))
                self.end_headers()
                while not fake._ended.wait(DRIP_SECONDS):
                    self.wfile.write(b" ")

        super().__init__(Handler)

    def put_secret(self, text: str) -> None:
        """Set the secret's text."""
        self.body = json.dumps({"Name": "any", "SecretString": text}).encode()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.may_answer.set()
        self._ended.set()
        super().__exit__(kind, error, at)

"""An endpoint on loopback that answers as Secrets Manager might, in a test's hands."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from devstack.processes.children import LOOPBACK

POLL_SECONDS = 0.01
"""How soon it sees that it is to end."""
DRIP_SECONDS = 0.2
"""Between two bytes of an answer that never ends."""


class SecretsKeeper:
    """Answers each POST with `body` and `status`, after `answers` was set; keeps the headers of the last.

    Once `drips` is set, answers never end, as long as the keeper is there.
    """

    def __init__(self) -> None:
        self.body, self.status, self.headers = b"", 200, dict[str, str]()
        self.answers = threading.Event()
        self.answers.set()
        self.drips, self._ended = threading.Event(), threading.Event()
        keeper = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                keeper.headers = {name.lower(): value for name, value in self.headers.items()}
                keeper.answers.wait()
                self.send_response(keeper.status)
                if keeper.drips.is_set():
                    self._drip()
                    return
                self.send_header("Content-Length", str(len(keeper.body)))
                self.end_headers()
                self.wfile.write(keeper.body)

            def _drip(self) -> None:
                self.send_header("Content-Length", str(1 << 30))
                self.end_headers()
                while not keeper._ended.wait(DRIP_SECONDS):
                    self.wfile.write(b" ")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """Say nothing of a client that has hung up."""

        self._server = Quiet((LOOPBACK, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,))
        self.endpoint = f"http://{LOOPBACK}:{self._server.server_port}"

    def has(self, text: str) -> None:
        """Keep a secret."""
        self.body = json.dumps({"Name": "any", "SecretString": text}).encode()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.answers.set()
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

"""An S3 endpoint on loopback with one model version. It counts requests and can delay them."""

import http.client
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from devstack.processes.children import LOOPBACK
from tests.nextitem.parts import BUCKET

POLL_SECONDS = 0.01
"""Time in which the server notices that it should stop."""


class ArtifactServer:
    """Serves a version's files. Requests for weights release `weights_requested` and wait until `open` is set."""

    def __init__(self, folder: Path) -> None:
        self.counts: Counter[str] = Counter()
        self.open, self.weights_requested = threading.Event(), threading.Semaphore(0)
        self.open.set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.removeprefix(f"/{BUCKET}/models/{folder.name}/")
                server.counts[name] += 1
                if name == "weights.bin":
                    server.weights_requested.release()
                    server.open.wait()
                body = (folder / name).read_bytes()
                self.send_response(http.client.OK)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("ETag", '"tag"')
                self.send_header("Last-Modified", "Tue, 20 Jan 2026 09:20:00 GMT")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """Ignore clients that were killed."""

        self._server = Quiet((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,))
        self.endpoint = f"http://{LOOPBACK}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.open.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

"""An S3 endpoint on loopback with one model version. It counts requests and can delay them."""

import http.client
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType

from bench.common.loopback_http import LoopbackHttp
from tests.nextitem.parts import BUCKET


class ArtifactServer(LoopbackHttp):
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

        super().__init__(Handler)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.open.set()
        super().__exit__(kind, error, at)

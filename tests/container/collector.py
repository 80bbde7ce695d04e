"""A collector of traces on this machine: takes OTLP over HTTP, or hangs."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from devstack.processes.children import LOOPBACK


class Collector:
    """Listens inside its ``with`` block.

    Args:
        hangs: whether it reads requests and does not answer before `resume`.

    Attributes:
        bodies: what was sent to it, as bytes.
        asked: set once something was sent.
    """

    def __init__(self, *, hangs: bool = False) -> None:
        self.bodies: list[bytes] = []
        self.asked = threading.Event()
        end = self._end = threading.Event()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                collector.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                collector.asked.set()
                if hangs:
                    end.wait()
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self.settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{LOOPBACK}:{self._server.server_port}"}
        """Environment variables of what shall send to it."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.resume()
        self._server.shutdown()
        self._server.server_close()

    def resume(self) -> None:
        """Answer all requests."""
        self._end.set()

    def requests(self) -> list[ExportTraceServiceRequest]:
        """Return what was sent to it."""
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]

    def spans(self) -> list[Span]:
        """Return all spans that were sent to it."""
        resources = [resource for request in self.requests() for resource in request.resource_spans]
        return [span for resource in resources for scope in resource.scope_spans for span in scope.spans]


def attributes(pairs: list[KeyValue]) -> dict[str, object]:
    """Return attributes as a dictionary."""
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}

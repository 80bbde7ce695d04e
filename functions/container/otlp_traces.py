"""Spans of requests, sent to an OpenTelemetry collector by OTLP over HTTP. Only `container.traces` imports this.

A request becomes a server span, and each of its phases a child. They are made after the answer was sent, from the times
in the request's record, and sent in batches by a thread of OpenTelemetry's. Its queue is bounded: while the collector
does not answer, the oldest spans are dropped.

No span has `url.path`, though the conventions ask for it: a path holds the id of a session or an item.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from container.http_request import Scope
from container.inference_protocol import is_inference, is_path
from http_routes import matched_route
from nextitem.errors import RequestError
from nextitem.telemetry.last_resort import never_raise
from nextitem.telemetry.record import Phase, RequestRecord

SERVICE = "nextitem"
"""The service's name, if no variable of OpenTelemetry's gives another one."""
METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
OTHER_METHOD = "_OTHER"
"""Of the conventions: a client may send any word as the method."""
CONTEXT_HEADERS = (b"traceparent", b"tracestate")
_INFERENCE = "/v2/models/{model}/infer"
_SERVER_ERROR = 500
_NS = 1_000_000_000
_PROPAGATOR = TraceContextTextMapPropagator()


class TimedRecord(RequestRecord):
    """A record that also has the moments of its phases.

    Attributes:
        intervals: name, begin and end of each phase, on the clock of `time.perf_counter`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.intervals: list[tuple[Phase, float, float]] = []

    @contextmanager
    def phase(self, name: Phase) -> Iterator[None]:
        """See `RequestRecord`."""
        begun = time.perf_counter()
        try:
            with super().phase(name):
                yield
        finally:
            self.intervals.append((name, begun, time.perf_counter()))


class OtlpTraces:
    """Implements `Traces`. The settings are OpenTelemetry's variables, its sampler's and its queue's included."""

    def __init__(self) -> None:
        given = OTELResourceDetector().detect().attributes.get("service.name", SERVICE)
        resource = Resource.create({"service.name": given, "process.pid": os.getpid()})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)  # `close` has a limit
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("nextitem")

    def new_record(self) -> RequestRecord:
        """See `Traces`."""
        return TimedRecord()

    def write(self, scope: Scope, path: str, record: RequestRecord, status: int) -> None:
        """See `Traces`."""
        method = scope["method"]
        if _is_traced(method, path) and isinstance(record, TimedRecord):
            self._write(method, _route_of(method, path), _parent(scope), record, status)

    @never_raise  # it would log the arguments: neither the path nor the scope may be one of them
    def _write(self, method: str, route: str | None, parent: Context, record: TimedRecord, status: int) -> None:
        ended, ended_ns = time.perf_counter(), time.time_ns()

        def nanoseconds(moment: float) -> int:
            return ended_ns - int((ended - moment) * _NS)

        known = method if method in METHODS else OTHER_METHOD
        name, started = f"{known} {route}" if route else known, nanoseconds(record.started)
        span = self._tracer.start_span(name, parent, SpanKind.SERVER, start_time=started)
        if span.is_recording():  # sampled
            _describe(span, known, route, record, status)
            context = set_span_in_context(span, Context())
            for phase, begin, end in record.intervals:
                child = self._tracer.start_span(phase, context, start_time=nanoseconds(begin))
                child.end(nanoseconds(end))
        span.end(ended_ns)

    def close(self, seconds: float) -> None:
        """See `Traces`."""
        closing = threading.Thread(target=self._provider.shutdown, name="closing traces", daemon=True)
        closing.start()
        closing.join(seconds)


def _is_traced(method: str, path: str) -> bool:
    """Return whether a request has a span: probes of the Open Inference Protocol come every second."""
    return not is_path(path) or is_inference(method, path)


def _route_of(method: str, path: str) -> str | None:
    """Return the template of a request's path, such as ``/v1/sessions/{session_id}``; None if no operation has it."""
    if is_path(path):
        return _INFERENCE
    try:
        return matched_route(method, path)[0].partition(" ")[2]
    except RequestError:
        return None


def _parent(scope: Scope) -> Context:
    """Return the context that the client sent; an empty one, if it sent none or a malformed one."""
    carrier = {
        name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"] if name in CONTEXT_HEADERS
    }
    return _PROPAGATOR.extract(carrier, Context())


def _describe(span: Span, method: str, route: str | None, record: RequestRecord, status: int) -> None:
    attributes: dict[str, Any] = {
        "http.request.method": method,
        "http.response.status_code": status,
        "url.scheme": "http",
        "nextitem.queued_ms": round(record.queued, 3),
    }
    if route is not None:
        attributes["http.route"] = route
    for name, value in record.dimensions.items():  # model_version, variant, served_by
        attributes[f"nextitem.{name}"] = value
    if record.faults:
        attributes["nextitem.store_faults"] = len(record.faults)  # their texts may name hosts
    if status >= _SERVER_ERROR:
        attributes["error.type"] = str(status)
        span.set_status(StatusCode.ERROR)
    span.set_attributes(attributes)

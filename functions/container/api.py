"""The ASGI application: the API's routes, the Open Inference Protocol, and `/livez`, `/readyz`, `/metrics`."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from calls import NOT_CACHED, CallExecutor, Response
from container.admission import Admission
from container.http_request import ClientGone, Receive, Scope, check_head, decoded_path, drop_rest, http_call, read_body
from container.inference_api import InferenceApi
from container.inference_protocol import Reply, is_path
from container.refusals import Emit, overloaded
from container.server import Drain
from container.traces import Traces
from nextitem.errors import RequestError
from nextitem.service import schema
from nextitem.telemetry.record import RequestRecord

Send = Callable[[dict[str, Any]], Awaitable[None]]

_REFUSED_BEFORE_ITS_END = frozenset({408, 413, 431})
"""The connection cannot be used again: the rest of the request may still come."""
_STILL_SENDING = frozenset({413, 431})
"""Of these, the client may be in the middle of it."""
_TEXT = {"content-type": "text/plain; charset=utf-8", **NOT_CACHED}


class Rendered(NamedTuple):
    """A response, ready to be sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class Api:
    """Answers the requests of one worker process.

    Args:
        executor: executes calls, in threads.
        admission: bounds them.
        inference: answers the requests of the Open Inference Protocol.
        drain: whether the process is on its way out.
        has_model: returns whether a model is loaded; it begins to load one where there is none.
        metrics: returns the text for Prometheus and its content type.
        emit: records a request that no call answers.
        traces: takes each request but probes.
    """

    def __init__(
        self,
        executor: CallExecutor,
        admission: Admission,
        inference: InferenceApi,
        drain: Drain,
        *,
        has_model: Callable[[], bool],
        metrics: Callable[[], tuple[bytes, str]],
        emit: Emit,
        traces: Traces,
    ) -> None:
        self._executor, self._admission, self._drain = executor, admission, drain
        self._inference, self._traces = inference, traces
        self._has_model, self._metrics, self._emit = has_model, metrics, emit
        self._probes: dict[bytes, Callable[[], Awaitable[Rendered]]] = {
            b"/livez": self._livez,
            b"/readyz": self._readyz,
            b"/metrics": self._metrics_page,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; see ASGI."""
        record = self._traces.new_record()  # its time begins here, so that waiting counts
        probe, path = self._probes.get(scope["raw_path"]), decoded_path(scope["raw_path"])
        try:
            if probe is not None and scope["method"] in {"GET", "HEAD"}:
                rendered = await probe()
            else:
                check_head(scope)
                body = await read_body(receive)
                if is_path(path):
                    reply = await self._inference.answer(scope["method"], path, body, record)
                    rendered = _of_protocol(reply)
                else:
                    rendered = await self._call(scope, path, body, record)
        except RequestError as error:
            if is_path(path):
                rendered = _of_protocol(self._inference.refuse(error, record))
            else:
                rendered = self._unanswered(schema.problem_of(error), record)
        except ClientGone:
            return
        rest = receive if rendered.status in _STILL_SENDING else None
        await _send(rendered, send, rest, closes=self._drain.has_begun or rendered.status in _REFUSED_BEFORE_ITS_END)
        if probe is None:
            self._traces.write(scope, path, record, rendered.status)

    async def _call(self, scope: Scope, path: str, body: bytes, record: RequestRecord) -> Rendered:
        read = partial(http_call, scope["method"], path, scope["query_string"], body)
        admitted = time.perf_counter()

        def work() -> Rendered:
            record.queued = (time.perf_counter() - admitted) * 1000
            return _rendered(self._executor.answer(read, record))

        return await self._admission.run(work) or _rendered(overloaded(record, self._emit))

    def _unanswered(self, problem: schema.Problem, record: RequestRecord) -> Rendered:
        self._emit(record, problem.status)
        return _rendered(Response(problem.status, problem, {}))

    async def _livez(self) -> Rendered:
        return Rendered(200, _TEXT, b"ok\n")

    async def _readyz(self) -> Rendered:
        if self._drain.has_begun:
            return Rendered(503, _TEXT, b"draining\n")
        if not self._has_model():
            return Rendered(503, _TEXT, b"no model is loaded\n")
        return Rendered(200, _TEXT, b"ok\n")

    async def _metrics_page(self) -> Rendered:
        body, content_type = await asyncio.to_thread(self._metrics)
        return Rendered(200, {"content-type": content_type, **NOT_CACHED}, body)


def _of_protocol(reply: Reply) -> Rendered:
    return Rendered(reply.status, {"content-type": "application/json", **NOT_CACHED, **reply.headers}, reply.body())


def _rendered(response: Response) -> Rendered:
    body = b"" if response.answer is None else schema.encode(response.answer).encode()
    return Rendered(response.status, response.all_headers, body)


async def _send(rendered: Rendered, send: Send, rest: Receive | None, *, closes: bool) -> None:
    """Send a response, and read the rest of the request, if there is one, before the connection closes."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in rendered.headers.items()]
    if rendered.body:
        headers.append((b"content-length", b"%d" % len(rendered.body)))
    if closes:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": rendered.status, "headers": headers})
    await send({"type": "http.response.body", "body": rendered.body, "more_body": rest is not None})
    if rest is not None:
        await drop_rest(rest)
        await send({"type": "http.response.body", "body": b""})

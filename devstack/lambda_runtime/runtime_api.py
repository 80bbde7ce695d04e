"""Lambda's Runtime API over HTTP, on one port for each worker; the port tells which worker calls.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. Two things that this page does not say: awslambdaric 4.2
segfaults on a response to ``/next`` without Content-Type, and a server without TCP_NODELAY, or that writes headers and
body separately, costs 40-90 ms a call (aiohttp sets the former and joins the latter).
"""

import asyncio
import http
import json
from pathlib import Path

from aiohttp import web

from devstack.lambda_runtime.connection import Connection
from devstack.lambda_runtime.function import CREDENTIALS_PATH, CREDENTIALS_TOKEN, Function
from devstack.lambda_runtime.invocation import PAYLOAD_LIMIT_BYTES, Outcome, failure
from devstack.lambda_runtime.worker_pool import WorkerPool
from devstack.processes.children import LOOPBACK, Children
from devstack.processes.listener import Listener

_ROOT = "/2018-06-01/runtime"
_READ_LIMIT_BYTES = 2 * PAYLOAD_LIMIT_BYTES
"""A response over Lambda's limit is still read, to be refused with Lambda's error."""
_SHUTDOWN_SECONDS = 1.0
"""The workers have ended before the server closes, so nothing is worth waiting for."""


class RuntimeApi:
    """Runtime API and worker pool (`pool`) of one function."""

    def __init__(self, function: Function, children: Children, directory: Path, limit: int) -> None:
        self.pool = WorkerPool(function, children, self, directory, limit)
        self._function = function
        self._listeners: dict[int, Listener] = {}
        self._numbers: dict[int, int] = {}
        self._sent: dict[asyncio.BaseTransport, tuple[int, str]] = {}
        app = web.Application(client_max_size=_READ_LIMIT_BYTES)
        app.router.add_get(f"{_ROOT}/invocation/next", self._next)
        app.router.add_post(f"{_ROOT}/invocation/{{request_id}}/response", self._response)
        app.router.add_post(f"{_ROOT}/invocation/{{request_id}}/error", self._error)
        app.router.add_post(f"{_ROOT}/init/error", self._init_error)
        app.router.add_get(f"{_ROOT}/restore/next", self._restore_next)
        app.router.add_post(f"{_ROOT}/restore/error", self._init_error)
        app.router.add_get(CREDENTIALS_PATH, self._credentials)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)

    async def start(self) -> None:
        """Make the server that all ports share; no port is open yet."""
        await self._runner.setup()

    async def stop(self) -> None:
        """End all workers and close every port."""
        await self.pool.stop()
        await self._runner.cleanup()

    async def open(self, number: int) -> str:
        """Open the port of worker `number` and return its ``host:port``."""
        server = self._runner.server
        if server is None:
            raise AssertionError("no port is opened before `start`")
        listener = Listener(self._function.listen(), lambda: Connection(server(), self._disconnected))
        self._listeners[number], self._numbers[listener.port] = listener, number
        return f"{LOOPBACK}:{listener.port}"

    async def close(self, number: int) -> None:
        """Close the port of worker `number`."""
        if (listener := self._listeners.pop(number, None)) is not None:
            del self._numbers[listener.port]
            await listener.close()

    async def _next(self, request: web.Request) -> web.Response:
        number = self._caller(request)
        work = await self.pool.next_invocation(number)
        if work is None:
            return _error_response(http.HTTPStatus.FORBIDDEN, "InvalidStateTransition", "no invocation will come")
        invocation, deadline = work
        if request.transport is None or request.transport.is_closing():  # its process died while it waited
            self.pool.requeue(number, invocation.request_id)
        else:
            self._sent[request.transport] = number, invocation.request_id
        return web.Response(
            body=invocation.payload,
            # awslambdaric compares the whole header: with a charset it does not parse the JSON.
            content_type="application/json",
            headers={
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
                "Lambda-Runtime-Trace-Id": invocation.trace_id,
            },
        )

    def _disconnected(self, transport: asyncio.BaseTransport, all_read: bool) -> None:
        number, request_id = self._sent.pop(transport, (0, ""))
        if not all_read:
            self.pool.requeue(number, request_id)

    async def _response(self, request: web.Request) -> web.Response:
        payload = await request.read()
        if len(payload) <= PAYLOAD_LIMIT_BYTES:
            return self._complete(request, Outcome(payload))
        message = (
            f"Response payload size ({len(payload)} bytes) exceeded maximum allowed "
            f"payload size ({PAYLOAD_LIMIT_BYTES} bytes)."
        )
        self._complete(request, failure("Function.ResponseSizeTooLarge", message))
        return _error_response(http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "RequestEntityTooLarge", message)

    async def _error(self, request: web.Request) -> web.Response:
        return self._complete(request, Outcome(await request.read(), failed=True))

    async def _init_error(self, request: web.Request) -> web.Response:
        self.pool.init_failed(self._caller(request), Outcome(await request.read(), failed=True))
        return _accepted()

    async def _restore_next(self, request: web.Request) -> web.Response:
        if await self.pool.wait_for_restore(self._caller(request)):
            return web.Response(content_type="application/json")
        return _error_response(http.HTTPStatus.FORBIDDEN, "InvalidStateTransition", "the worker cannot be restored")

    async def _credentials(self, request: web.Request) -> web.Response:
        """Answer as the container credentials provider, which SnapStart functions use."""
        if request.headers.get("Authorization") != CREDENTIALS_TOKEN:
            return web.Response(status=http.HTTPStatus.UNAUTHORIZED)
        return web.json_response(self._function.credentials())

    def _complete(self, request: web.Request, outcome: Outcome) -> web.Response:
        request_id = request.match_info["request_id"]
        if self.pool.complete(self._caller(request), request_id, outcome):
            return _accepted()
        message = f"the worker has no invocation {request_id}"
        return _error_response(http.HTTPStatus.BAD_REQUEST, "InvalidRequestID", message)

    def _caller(self, request: web.Request) -> int:
        """Return the number of the calling worker; 0, which no worker has, once its port is closed."""
        address = request.transport.get_extra_info("sockname") if request.transport else None
        return self._numbers.get(address[1], 0) if address else 0


def _accepted() -> web.Response:
    return web.json_response({"status": "OK"}, status=http.HTTPStatus.ACCEPTED)


def _error_response(status: http.HTTPStatus, error_type: str, message: str) -> web.Response:
    return web.Response(
        status=status,
        text=json.dumps({"errorType": error_type, "errorMessage": message}),
        content_type="application/json",
    )

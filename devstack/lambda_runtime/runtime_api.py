"""The HTTP side of Lambda's Runtime API, one listening port for each worker.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. The port tells which worker calls,
since the protocol itself does not. This module decides nothing: it translates between HTTP and the
pool.

Two things that the protocol's text does not say: awslambdaric 4.2 segfaults when an answer to
``/next`` has no Content-Type, and a server without TCP_NODELAY, or that writes headers and body
apart, costs 40-90 ms a call (aiohttp sets the one and joins the other).
"""

import asyncio
import http
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from devstack.lambda_runtime.connection import Connection
from devstack.lambda_runtime.function import CREDENTIALS_PATH, CREDENTIALS_TOKEN, Function
from devstack.lambda_runtime.invocation import PAYLOAD_LIMIT_BYTES, Outcome, failure
from devstack.lambda_runtime.worker_pool import WorkerPool
from devstack.processes.children import LOOPBACK, Children
from devstack.processes.listener import Listener, listen
from devstack.services.bucket import ACCESS_KEY

_ROOT = "/2018-06-01/runtime"
_READ_LIMIT_BYTES = 2 * PAYLOAD_LIMIT_BYTES
"""An answer over Lambda's limit is still read, to be refused in Lambda's words."""
_SHUTDOWN_SECONDS = 1.0
"""When the server closes its workers are dead already, so nothing is worth waiting for."""


class RuntimeApi:
    """Runtime API and pool of one function: what the gateway calls as `pool`."""

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
        app.router.add_get(CREDENTIALS_PATH, _credentials)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)

    async def start(self) -> None:
        """Get ready to open ports; none is opened yet."""
        await self._runner.setup()

    async def stop(self) -> None:
        """End all workers and close every port."""
        await self.pool.stop()
        await self._runner.cleanup()

    async def open(self, number: int) -> str:
        """Open the port of worker `number`; returns its ``host:port``."""
        serve = self._runner.server
        if serve is None:
            raise AssertionError("no port is opened before `start`")
        listener = Listener(listen(), lambda: Connection(serve(), self._disconnected))
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
            return _refusal(http.HTTPStatus.FORBIDDEN, "InvalidStateTransition", "no next one")
        invocation, deadline = work
        if request.transport is None or request.transport.is_closing():  # its process died while it waited
            self.pool.give_back(number, invocation.request_id)
        else:
            self._sent[request.transport] = number, invocation.request_id
        return web.Response(
            body=invocation.payload,
            # Compared as a whole by awslambdaric: with a charset behind it, it parses no JSON.
            content_type="application/json",
            headers={
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": self._function.arn,
                "Lambda-Runtime-Trace-Id": invocation.trace_id,
            },
        )

    def _disconnected(self, transport: asyncio.BaseTransport, was_read: bool) -> None:
        number, request_id = self._sent.pop(transport, (0, ""))
        if not was_read:
            self.pool.give_back(number, request_id)

    async def _response(self, request: web.Request) -> web.Response:
        payload = await request.read()
        if len(payload) <= PAYLOAD_LIMIT_BYTES:
            return self._accept(request, Outcome(payload))
        message = (
            f"Response payload size ({len(payload)} bytes) exceeded maximum allowed "
            f"payload size ({PAYLOAD_LIMIT_BYTES} bytes)."
        )
        self._accept(request, failure("Function.ResponseSizeTooLarge", message))
        return _refusal(http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "RequestEntityTooLarge", message)

    async def _error(self, request: web.Request) -> web.Response:
        return self._accept(request, Outcome(await request.read(), failed=True))

    async def _init_error(self, request: web.Request) -> web.Response:
        self.pool.init_failed(self._caller(request), Outcome(await request.read(), failed=True))
        return _accepted()

    async def _restore_next(self, request: web.Request) -> web.Response:
        if await self.pool.restored(self._caller(request)):
            return web.Response(content_type="application/json")
        return _refusal(http.HTTPStatus.FORBIDDEN, "InvalidStateTransition", "nothing to restore")

    def _accept(self, request: web.Request, outcome: Outcome) -> web.Response:
        request_id = request.match_info["request_id"]
        if self.pool.answer(self._caller(request), request_id, outcome):
            return _accepted()
        return _refusal(http.HTTPStatus.BAD_REQUEST, "InvalidRequestID", "not yours")

    def _caller(self, request: web.Request) -> int:
        """Number of the calling worker; 0, which no worker has, once its port is closed."""
        address = request.transport.get_extra_info("sockname") if request.transport else None
        return self._numbers.get(address[1], 0) if address else 0


async def _credentials(request: web.Request) -> web.Response:
    """Answer as the container credentials provider does, which SnapStart functions ask."""
    if request.headers.get("Authorization") != CREDENTIALS_TOKEN:
        return web.Response(status=http.HTTPStatus.UNAUTHORIZED)
    expires = datetime.now(UTC) + timedelta(hours=1)
    return web.json_response(
        {
            "AccessKeyId": ACCESS_KEY,
            "SecretAccessKey": ACCESS_KEY,
            "Token": ACCESS_KEY,
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    )


def _accepted() -> web.Response:
    return web.json_response({"status": "OK"}, status=http.HTTPStatus.ACCEPTED)


def _refusal(status: http.HTTPStatus, kind: str, message: str) -> web.Response:
    return web.Response(
        status=status,
        text=json.dumps({"errorType": kind, "errorMessage": message}),
        content_type="application/json",
    )

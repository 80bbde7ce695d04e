"""API Gateway's HTTP API and Lambda's Invoke API on one port.

Every request becomes an event for the function, and the function's response an HTTP response. Limits and errors are
those of HTTP APIs. No signature is checked, of a request or of a token, so this must listen on loopback only.
"""

import asyncio
import http
import socket

from aiohttp import web
from multidict import CIMultiDict

from devstack.api_gateway.http_event import HttpRequest, to_event
from devstack.api_gateway.http_response import HttpResponse, message_response, to_response
from devstack.api_gateway.jwt_claims import parse_claims
from devstack.lambda_runtime.function import Function
from devstack.lambda_runtime.invocation import PAYLOAD_LIMIT_BYTES
from devstack.lambda_runtime.invoke_api import INVOKE_PATH, InvokeApi
from devstack.lambda_runtime.worker_pool import WorkerPool
from devstack.processes.children import LOOPBACK
from devstack.processes.listener import Listener

BODY_LIMIT_BYTES = 10 * 1024 * 1024
"""HTTP APIs' limit for a request body; it cannot be raised."""
INTEGRATION_SECONDS = 30.0
"""HTTP APIs' limit for the function's response."""
_SHUTDOWN_SECONDS = 1.0


class Gateway:
    """The HTTP API of one function.

    Args:
        function: what answers.
        pool: its workers.
        listening: socket of the HTTP API.
        jwt_authorizer: whether every request must bring a token, whose claims the function gets.
    """

    def __init__(
        self, function: Function, pool: WorkerPool, listening: socket.socket, *, jwt_authorizer: bool = False
    ) -> None:
        self._pool = pool
        self._jwt_authorizer = jwt_authorizer
        self._listening = listening
        self._listener: Listener | None = None
        app = web.Application(client_max_size=BODY_LIMIT_BYTES)
        app.router.add_post(INVOKE_PATH, InvokeApi(function, pool).invoke)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)

    async def start(self) -> str:
        """Serve the socket and return the URL of the API."""
        await self._runner.setup()
        if self._runner.server is None:
            raise AssertionError("`setup` makes the server")
        self._listener = Listener(self._listening, self._runner.server)
        return f"http://{LOOPBACK}:{self._listener.port}"

    async def stop(self) -> None:
        """Finish the requests in progress, then close every connection."""
        await self._runner.cleanup()
        if self._listener is not None:
            await self._listener.close()

    async def _handle(self, request: web.Request) -> web.Response:
        response = await self._respond(request)
        return web.Response(status=response.status, headers=CIMultiDict(response.headers), body=response.body or None)

    async def _respond(self, request: web.Request) -> HttpResponse:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _TOO_LARGE
        claims = parse_claims(request.headers.get("Authorization", "")) if self._jwt_authorizer else None
        if self._jwt_authorizer and claims is None:
            return _UNAUTHORIZED
        event = to_event(
            HttpRequest(
                request.method,
                request.raw_path,
                tuple(request.headers.items()),
                body,
                request.remote or LOOPBACK,
                f"HTTP/{request.version.major}.{request.version.minor}",
            ),
            claims,
        )
        if len(event) > PAYLOAD_LIMIT_BYTES:
            return _TOO_LARGE
        try:
            return to_response(await asyncio.wait_for(self._pool.invoke(event), INTEGRATION_SECONDS))
        except TimeoutError:
            return message_response(http.HTTPStatus.SERVICE_UNAVAILABLE, "Service Unavailable")


_UNAUTHORIZED = message_response(http.HTTPStatus.UNAUTHORIZED, "Unauthorized")
_TOO_LARGE = message_response(http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large")

"""The HTTP front: API Gateway's HTTP API and, beside it, Lambda's Invoke API, on one port.

Every request becomes an event for the function and the function's answer an HTTP response. Limits
and error answers are those of HTTP APIs. There is no IAM: no signature is checked, nor that of a
token, so this must listen on loopback only.
"""

import asyncio
import http
import socket

from aiohttp import web
from multidict import CIMultiDict

from devstack.api_gateway.http_event import HttpRequest, to_event
from devstack.api_gateway.http_response import HttpAnswer, message_answer, to_answer
from devstack.api_gateway.jwt_claims import claims_of
from devstack.lambda_runtime.function import Function
from devstack.lambda_runtime.invocation import PAYLOAD_LIMIT_BYTES
from devstack.lambda_runtime.invoke_api import INVOKE_PATH, InvokeApi
from devstack.lambda_runtime.worker_pool import WorkerPool
from devstack.processes.children import LOOPBACK
from devstack.processes.listener import Listener

BODY_LIMIT_BYTES = 10 * 1024 * 1024
"""HTTP APIs' limit for a request body; it cannot be raised."""
INTEGRATION_SECONDS = 30.0
"""HTTP APIs' limit for an integration to answer."""
_SHUTDOWN_SECONDS = 1.0


class Gateway:
    """The front of one function.

    Args:
        function: what answers.
        pool: its workers.
        listener: of the HTTP API.
        jwt_authorizer: whether every request must bring a token, whose claims the function gets.
    """

    def __init__(
        self, function: Function, pool: WorkerPool, listener: socket.socket, *, jwt_authorizer: bool = False
    ) -> None:
        self._pool = pool
        self._jwt_authorizer = jwt_authorizer
        self._socket = listener
        self._listener: Listener | None = None
        app = web.Application(client_max_size=BODY_LIMIT_BYTES)
        app.router.add_post(INVOKE_PATH, InvokeApi(function, pool).invoke)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)

    async def start(self) -> str:
        """Answer what comes to the listener; returns the URL of the API."""
        await self._runner.setup()
        if self._runner.server is None:
            raise AssertionError("`setup` makes the server")
        self._listener = Listener(self._socket, self._runner.server)
        return f"http://{LOOPBACK}:{self._listener.port}"

    async def stop(self) -> None:
        """Answer the requests that are being served, then close every connection."""
        await self._runner.cleanup()
        if self._listener is not None:
            await self._listener.close()

    async def _answer(self, request: web.Request) -> web.Response:
        answer = await self._call(request)
        return web.Response(status=answer.status, headers=CIMultiDict(answer.headers), body=answer.body or None)

    async def _call(self, request: web.Request) -> HttpAnswer:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _TOO_LARGE
        claims = claims_of(request.headers.get("Authorization", "")) if self._jwt_authorizer else None
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
            return to_answer(await asyncio.wait_for(self._pool.invoke(event), INTEGRATION_SECONDS))
        except TimeoutError:
            return message_answer(http.HTTPStatus.SERVICE_UNAVAILABLE, "Service Unavailable")


_UNAUTHORIZED = message_answer(http.HTTPStatus.UNAUTHORIZED, "Unauthorized")
_TOO_LARGE = message_answer(http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large")

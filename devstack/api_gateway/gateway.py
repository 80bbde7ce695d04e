"""API Gateway's HTTP API, and on request Lambda's Invoke API on the same port.

Every request becomes an event for the function, and the function's response an HTTP response. Limits and errors are
those of HTTP APIs (developer guide, "Quotas for configuring and running an HTTP API"). Who may call is the authorizer's
affair; without one this must listen on loopback only.
"""

import asyncio
import http
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from devstack.api_gateway.cors import Cors
from devstack.api_gateway.http_event import HttpRequest, to_event
from devstack.api_gateway.http_response import JSON_TYPE, HttpResponse, message_response, to_response
from devstack.api_gateway.jwt_authorizer import JwtAuthorizer
from devstack.api_gateway.routes import PREFLIGHT_ROUTE_KEY, ROUTE_KEYS, MatchedRoute, resolve
from devstack.lambda_runtime.invocation import PAYLOAD_LIMIT_BYTES, Outcome
from devstack.lambda_runtime.invoke_api import INVOKE_PATH, InvokeApi
from devstack.pages.serving import refuse_overlap
from devstack.processes.children import LOOPBACK
from devstack.processes.listener import ANY_PATH, Listener

BODY_LIMIT_BYTES = 10 * 1024 * 1024
"""HTTP APIs' limit for a request body; it cannot be raised."""
HEAD_LIMIT_BYTES = 10_240
"""HTTP APIs' limit for the request line and all header values. AWS does not document the status; 431 is HTTP's."""
_PARSER_LIMIT_BYTES = BODY_LIMIT_BYTES
"""Of aiohttp's parser for a line: so large that a long head gets the gateway's own answer. The longest valid query has
1,500 ids of 256 characters, 5 MB."""
INTEGRATION_SECONDS = 30.0
"""HTTP APIs' limit for the function's response."""
_SHUTDOWN_SECONDS = 1.0


Invoke = Callable[[bytes], Awaitable[Outcome]]
"""Runs the function on one event."""
Observe = Callable[[HttpRequest, Outcome], None]
"""Sees each request that the function has answered, and the outcome."""
Authorize = Callable[[HttpRequest, MatchedRoute], Mapping[str, Any] | HttpResponse | None]
"""Decides about a request: what the event says of the caller (`requestContext.authorizer`), None if the route needs no
credentials, or the response that refuses it."""


def by_token(jwt: JwtAuthorizer) -> Authorize:
    """Return the authorizer of routes that need a valid token; a preflight request has none."""

    def authorize(request: HttpRequest, route: MatchedRoute) -> Mapping[str, Any] | HttpResponse | None:
        if route.key == PREFLIGHT_ROUTE_KEY:
            return None
        header = next((value for name, value in request.headers if name.lower() == "authorization"), "")
        claims = jwt.authorize(header)
        return UNAUTHORIZED if claims is None else {"jwt": {"claims": claims, "scopes": None}}  # no route needs scopes

    return authorize


class Gateway:
    """The HTTP API of one function.

    Args:
        invoke: runs the function.
        listening: socket of the HTTP API.
        keys: of its routes besides ``$default``.
        authorize: decides about every request; None: no request needs credentials.
        cors: the origins that may call the API from a browser; None: not configured. A preflight request is answered
            only where its route needs no credentials, which ``$default`` may.
        invoke_api: answers Lambda's Invoke API on the same port, or None.
        observe: sees each request and its outcome; None: not needed.
        pages: routes of pages for people, which AWS does not serve, see `devstack.pages.serving`.

    Raises:
        ValueError: a page could take a request of the API.
    """

    def __init__(
        self,
        invoke: Invoke,
        listening: socket.socket,
        *,
        keys: Sequence[str] = ROUTE_KEYS,
        authorize: Authorize | None = None,
        cors: Cors | None = None,
        invoke_api: InvokeApi | None = None,
        observe: Observe | None = None,
        pages: Sequence[web.RouteDef] = (),
    ) -> None:
        refuse_overlap(pages, keys)
        self._invoke = invoke
        self._keys = tuple(keys)
        self._authorize = authorize
        self._cors = cors
        self._observe = observe
        self._listening = listening
        self._listener: Listener | None = None
        app = web.Application(client_max_size=BODY_LIMIT_BYTES)
        if invoke_api is not None:
            app.router.add_post(INVOKE_PATH, invoke_api.invoke)
        app.router.add_routes(pages)
        app.router.add_route("*", ANY_PATH, self._handle)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=_SHUTDOWN_SECONDS,
            auto_decompress=False,
            max_line_size=_PARSER_LIMIT_BYTES,
            max_field_size=_PARSER_LIMIT_BYTES,
            max_headers=HEAD_LIMIT_BYTES,
        )

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
        http_request = HttpRequest(
            request.method,
            request.raw_path,
            tuple(request.headers.items()),
            body,
            request.remote or LOOPBACK,
            f"HTTP/{request.version.major}.{request.version.minor}",
        )
        if http_request.head_bytes > HEAD_LIMIT_BYTES:
            return _HEAD_TOO_LARGE
        return await self._integrate(http_request, request.headers)

    async def _integrate(self, request: HttpRequest, headers: Mapping[str, str]) -> HttpResponse:
        route = resolve(request.method, request.path, self._keys)
        caller = None if self._authorize is None else self._authorize(request, route)
        if isinstance(caller, HttpResponse):
            return caller
        if self._cors and (preflight := self._cors.preflight(request.method, headers)):
            return preflight
        event = to_event(request, route, caller)
        if len(event) > PAYLOAD_LIMIT_BYTES:
            return _TOO_LARGE
        try:
            outcome = await asyncio.wait_for(self._invoke(event), INTEGRATION_SECONDS)
        except TimeoutError:
            return _UNAVAILABLE
        if self._observe is not None:
            self._observe(request, outcome)
        response = to_response(outcome)
        return self._cors.mark(response, headers) if self._cors else response


_UNAVAILABLE = message_response(http.HTTPStatus.SERVICE_UNAVAILABLE, "Service Unavailable")
_HEAD_TOO_LARGE = message_response(http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large")
UNAUTHORIZED = replace(
    message_response(http.HTTPStatus.UNAUTHORIZED, "Unauthorized"),
    headers=(("content-type", JSON_TYPE), ("www-authenticate", "Bearer")),
)
_TOO_LARGE = message_response(http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large")

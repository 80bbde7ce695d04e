"""Read HTTP requests from ASGI's messages as API Gateway passes them on to the Lambda function.

A path is decoded twice and cut at an encoded ``?``, and the limits are those of HTTP APIs, so that no client sees which
entry point answers it. The bodies of the refusals are our own: API Gateway's are not problem documents.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from calls import Call, routed_call
from http_routes import matched_route
from nextitem.errors import RequestError

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]

MAX_BODY_BYTES = 10 * 1024 * 1024
MAX_LINE_AND_VALUES_BYTES = 10_240
"""Of the request line and all header values."""
BODY_SECONDS = 30.0
"""In which a body must arrive."""


class ClientGone(Exception):
    """The client has closed its connection before its request was complete."""


def check_head(scope: Scope) -> None:
    """Check the size of a request's head, and what it says of its body.

    Raises:
        RequestError: 431, the head is too long; 413, the body will be.
    """
    line = len(scope["method"]) + len(scope["raw_path"]) + len(scope["query_string"]) + len(" ? HTTP/1.1")
    if line + sum(len(value) for _, value in scope["headers"]) > MAX_LINE_AND_VALUES_BYTES:
        detail = f"request line and header values may have {MAX_LINE_AND_VALUES_BYTES:,} bytes"
        raise RequestError(431, "Request header fields too large", detail)
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > MAX_BODY_BYTES:
            raise _too_large()


async def read_body(receive: Receive) -> bytes:
    """Return the body of a request.

    Raises:
        RequestError: 413, it is too large; 408, it did not arrive in time.
        ClientGone: it is not complete and never will be.
    """
    first = await receive()
    if first["type"] == "http.request" and not first.get("more_body"):  # most bodies come with their head
        return bytes(first["body"])
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _rest(first, receive)
    except TimeoutError:
        detail = f"the body did not arrive within {BODY_SECONDS:g} s"
        raise RequestError(408, "Request timeout", detail) from None


async def _rest(message: dict[str, Any], receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise ClientGone
        parts.append(message["body"])
        size += len(message["body"])
        if size > MAX_BODY_BYTES:
            raise _too_large()
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


def http_call(method: str, raw_path: bytes, query: bytes, body: bytes) -> Call:
    """Return the call of a request.

    Its subject is None: no header says who the visitor is, because a client could send that header, too.

    Args:
        method: in capitals.
        raw_path: as it was sent, without the query.
        query: as it was sent.
        body: as it was sent.

    Raises:
        RequestError: see `http_routes.matched_route` and `calls.routed_call`.
    """
    route_key, variables = matched_route(method, decoded_path(raw_path))
    return routed_call(route_key, variables, query.decode("utf-8", "replace"), body)


def decoded_path(raw_path: bytes) -> str:
    """Return a path as API Gateway decodes it."""
    once = unquote(raw_path.decode("utf-8", "replace"))
    return unquote(once.partition("?")[0])


def _too_large() -> RequestError:
    return RequestError(413, "Content too large", f"a body may have {MAX_BODY_BYTES // 1024**2} MB")

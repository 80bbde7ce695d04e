"""Read HTTP requests from ASGI's messages as API Gateway passes them on to the Lambda function.

A path is decoded twice and cut at an encoded ``?``, and the limits are those of HTTP APIs, so that no client sees which
entry point answers it. The bodies of the refusals are our own: API Gateway's are not problem documents.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from calls import Call, routed_call
from http_routes import matched_route
from nextitem.errors import RequestError
from nextitem.service.schema import MAX_BODY_BYTES

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]

MAX_RECEIVED_BYTES = 10 * 1024 * 1024
"""Of a body; the API's own limit is lower (`schema.MAX_BODY_BYTES`)."""
MAX_LINE_AND_VALUES_BYTES = 10_240
"""Of the request line and all header values."""
BODY_SECONDS = 30.0
"""In which a body must arrive."""
LINGER_SECONDS = 5.0
MAX_DROPPED_BYTES = 1 << 26
"""Time and size of the rest of a refused request that is read, so that its client sees the answer."""


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
        if name == b"content-length" and int(value) > MAX_RECEIVED_BYTES:
            raise _too_large()


async def read_body(receive: Receive) -> bytes:
    """Return the body of a request.

    One that is longer than the API accepts is refused by its length alone, so its bytes are dropped as they come, and
    zeros stand for them, which take no memory as long as they are not read.

    Raises:
        RequestError: 413, it is too large; 408, it did not arrive in time.
        ClientGone: it is not complete and never will be.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _whole_body(receive)
    except TimeoutError:
        detail = f"the body did not arrive within {BODY_SECONDS:g} s"
        raise RequestError(408, "Request timeout", detail) from None
    except asyncio.CancelledError:  # the server stops, and has waited for it
        raise RequestError(408, "Request timeout", "the body did not arrive before the server stopped") from None


async def drop_rest(receive: Receive) -> None:
    """Drop what still comes of a request that is refused already, for a while.

    Clients send a whole body before they read, and a connection that is closed before that loses the answer, too.
    """
    with suppress(TimeoutError, asyncio.CancelledError):  # cancelled where the server stops: the answer has been sent
        async with asyncio.timeout(LINGER_SECONDS):
            size, more = 0, True
            while more and size <= MAX_DROPPED_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                more = message.get("more_body", False)


async def _whole_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        size += len(message["body"])
        if size > MAX_RECEIVED_BYTES:
            raise _too_large()
        if size <= MAX_BODY_BYTES:
            parts.append(message["body"])
        else:
            parts.clear()
        more = message.get("more_body", False)
    return b"".join(parts) if size <= MAX_BODY_BYTES else bytes(size)


def http_call(method: str, path: str, query: bytes, body: bytes) -> Call:
    """Return the call of a request.

    Its subject is None: no header says who the visitor is, because a client could send that header, too.

    Args:
        method: in capitals.
        path: decoded, without the query.
        query: as it was sent.
        body: see `read_body`.

    Raises:
        RequestError: see `http_routes.matched_route` and `calls.routed_call`.
    """
    route_key, variables = matched_route(method, path)
    return routed_call(route_key, variables, query.decode("utf-8", "replace"), body)


def decoded_path(raw_path: bytes) -> str:
    """Return a path as API Gateway decodes it."""
    once = unquote(raw_path.decode("utf-8", "replace"))
    return unquote(once.partition("?")[0])


def _too_large() -> RequestError:
    return RequestError(413, "Content too large", f"a body may have {MAX_RECEIVED_BYTES // 1024**2} MB")

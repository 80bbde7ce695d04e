"""Convert Lambda events to typed calls, and answers to API Gateway responses.

API Gateway HTTP API, payload 2.0:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from nextitem.errors import RequestError
from nextitem.service.schema import Operation, Problem, encode

ROUTE_KEYS: Mapping[str, Operation] = {
    "POST /v1/sessions/{session_id}/events": "append_events",
    "GET /v1/sessions/{session_id}/recommendations": "get_recommendations",
    "DELETE /v1/sessions/{session_id}": "delete_session",
    "POST /v1/recommendations": "recommend",
    "GET /v1/health": "health",
}
"""The operation of each API Gateway route key. All other requests arrive as ``$default``."""

DirectOperation = Operation | Literal["verify"]
DIRECT: tuple[DirectOperation, ...] = (*ROUTE_KEYS.values(), "verify")
"""The operations of a direct invoke; `verify` has no HTTP route."""

_LISTS = {"only", "exclude"}
"""Query parameters that name items, one each; they may be repeated. A comma belongs to the id."""
_DIRECT_ONLY = ("operation", "session_id")


class _Http(msgspec.Struct):
    method: str
    path: str


class _Jwt(msgspec.Struct):
    claims: dict[str, Any] | None = None


class _Authorizer(msgspec.Struct):
    jwt: _Jwt | None = None


class _Context(msgspec.Struct):
    http: _Http | None = None
    stage: str | None = None
    authorizer: _Authorizer | None = None


class _Event(msgspec.Struct, rename="camel"):
    """The fields of an HTTP API event that are read. A direct invoke can send such an event, too, with any content."""

    route_key: str
    raw_path: str | None = None
    raw_query_string: str | None = None
    path_parameters: dict[str, Any] | None = None
    request_context: _Context = msgspec.field(default_factory=_Context)
    body: str | None = None
    is_base64_encoded: bool | None = False


class Call(msgspec.Struct, frozen=True):
    """An operation and its arguments.

    Attributes:
        operation: the operation.
        session_id: not checked yet; None if the event has none.
        subject: the subject of the token (JWT) that API Gateway checked; None without a token.
        body: JSON text, or the document of a query string.
        query: whether `body` comes from a query string, where all values are text.
    """

    operation: DirectOperation
    session_id: object = None
    subject: str | None = None
    body: bytes | dict[str, Any] = msgspec.field(default_factory=dict)
    query: bool = False


def http_call(event: object) -> Call:
    """Read the call from an HTTP API event.

    Raises:
        RequestError: 404 or 405, no operation has this path or method; 400, the event is not one of an HTTP API, its
            body is not base64 though it says so, or its query is not UTF-8; 403, the token has no subject.
    """
    try:
        http_event = msgspec.convert(event, _Event)
    except msgspec.ValidationError as error:
        raise RequestError(400, "Malformed request", f"the event is not an HTTP API event: {error}") from None
    if http_event.route_key in ROUTE_KEYS:
        route_key, session_id = http_event.route_key, (http_event.path_parameters or {}).get("session_id")
    else:
        route_key, session_id = _unmatched_route(http_event)
    operation, subject = ROUTE_KEYS[route_key], _subject(http_event)
    if route_key.startswith("POST "):
        return Call(operation, session_id, subject, _body(http_event))
    return Call(operation, session_id, subject, _query(http_event.raw_query_string or ""), query=True)


def direct_call(event: object) -> Call:
    """Read the call from a direct invoke. Its body becomes JSON text, so that the same checks apply as for HTTP.

    Raises:
        RequestError: 404, no operation has this name; 400, the event is not an object, or a text is not valid Unicode.
    """
    if not isinstance(event, dict):
        raise RequestError(400, "Malformed request", "a direct invoke must be a JSON object with an operation")
    name = event.get("operation")
    for operation in DIRECT:
        if operation == name:
            body = {key: value for key, value in event.items() if key not in _DIRECT_ONLY}
            return Call(operation, event.get("session_id"), body=_text(body))
    detail = f"operation must be one of {', '.join(DIRECT)}"
    raise RequestError(404, "No such operation", detail, field="operation")


def http_response(status: int, answer: Any, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the API Gateway response of an answer; None is an empty response."""
    if answer is None:
        return {"statusCode": status, "headers": dict(headers)}
    kind = "application/problem+json" if isinstance(answer, Problem) else "application/json"
    return {"statusCode": status, "headers": {"content-type": kind, **headers}, "body": encode(answer)}


def _subject(event: _Event) -> str | None:
    """Return the subject of the token that API Gateway's JWT authorizer checked, or None without such an authorizer.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
    """
    authorizer = event.request_context.authorizer
    if authorizer is None or authorizer.jwt is None:
        return None
    subject = (authorizer.jwt.claims or {}).get("sub")
    if not subject or not isinstance(subject, str):
        raise RequestError(403, "Forbidden", "the token has no subject (sub), which its sessions belong to")
    if not _is_unicode(subject):
        raise RequestError(403, "Forbidden", "the token's subject (sub) is not valid Unicode")
    return subject


def _is_unicode(text: str) -> bool:
    """Return whether UTF-8 can encode a text. JSON escapes can write half of a surrogate pair, which it cannot."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _text(body: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(body)
    except (UnicodeEncodeError, RecursionError) as error:
        raise RequestError(400, "Malformed request", f"the body is not JSON: {error}") from None


def _body(event: _Event) -> bytes:
    text = event.body or ""
    if not text:
        return b"{}"  # no body means an empty object
    if not event.is_base64_encoded:
        return text.encode(errors="surrogatepass")  # half a surrogate pair is then refused like any other wrong byte
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise RequestError(400, "Malformed request", f"the body is not base64: {error}") from None


def _query(text: str) -> dict[str, Any]:
    """Return the document of a query string. Of a repeated name the last value counts, except in lists."""
    from urllib.parse import parse_qs  # imported lazily: it takes 2 ms, and appending events does not need it

    try:
        values = parse_qs(text, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        raise RequestError(400, "Malformed request", f"the query string is not UTF-8: {error}") from None
    return {name: texts if name in _LISTS else texts[-1] for name, texts in values.items()}


def _unmatched_route(event: _Event) -> tuple[str, str]:
    """Return the route key and the session id of a path that has a ``/`` in its session id, so that the id is refused.

    API Gateway decodes the path before it looks for a route, so it finds none for such a path.
    """
    http = event.request_context.http
    if http is None or not _is_unicode(http.method):
        raise RequestError(400, "Malformed request", "the event is not an HTTP API event: it has no method and path")
    path = http.path if event.raw_path is None else event.raw_path
    stage = event.request_context.stage or "$default"
    if stage != "$default" and path.startswith(f"/{stage}/"):
        path = path.removeprefix(f"/{stage}")
    if methods := [key.split(" ")[0] for key in ROUTE_KEYS if _fits(key.split("/")[1:], path.split("/")[1:])]:
        allow = ", ".join(methods)
        raise RequestError(405, "Method not allowed", f"this path accepts {allow}, not {http.method}", allow=allow)
    request = f"{http.method} {path}"
    for key in ROUTE_KEYS:
        start, variable, end = key.partition("{session_id}")
        session_id = request[len(start) : len(request) - len(end)]
        if variable and session_id and request == start + session_id + end:
            return key, session_id
    raise RequestError(404, "Not found", "no operation has this path")


def _fits(template: list[str], path: list[str]) -> bool:
    return len(template) == len(path) and all(
        part == text or (part.startswith("{") and text) for part, text in zip(template, path, strict=True)
    )

"""What Lambda is called with, as a typed call; and an answer, as API Gateway wants it back.

API Gateway HTTP API, payload 2.0:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
Knows no model and no session.
"""

import base64
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from nextitem.errors import RequestError
from nextitem.service.schema import Operation, Problem, encode

ROUTES: Mapping[str, Operation] = {
    "POST /v1/sessions/{session_id}/events": "append_events",
    "GET /v1/sessions/{session_id}/recommendations": "get_recommendations",
    "DELETE /v1/sessions/{session_id}": "delete_session",
    "POST /v1/recommendations": "recommend",
    "GET /v1/health": "health",
}
"""API Gateway's route key of each operation; what fits none of them arrives as ``$default``."""

DirectOperation = Operation | Literal["verify"]
DIRECT: tuple[DirectOperation, ...] = (*ROUTES.values(), "verify")
"""What a direct invoke may name; no route leads to the last."""

_LISTS = {"only", "exclude"}
"""Query parameters that name items, repeated or separated by commas."""
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
    """What is read of an HTTP API event; anybody who may invoke the function directly can write one, too."""

    route_key: str
    raw_path: str | None = None
    raw_query_string: str | None = None
    path_parameters: dict[str, Any] | None = None
    request_context: _Context = msgspec.field(default_factory=_Context)
    body: str | None = None
    is_base64_encoded: bool | None = False


class Call(msgspec.Struct, frozen=True):
    """An operation and what it was called with.

    Attributes:
        operation: what to do.
        session_id: whose session, unchecked; None where none was given.
        subject: whom the checked token (JWT) of the request is about; None where there was none.
        body: JSON text, or a query string's document.
        query: whether `body` is the latter: all text.
    """

    operation: DirectOperation
    session_id: object = None
    subject: str | None = None
    body: bytes | dict[str, Any] = msgspec.field(default_factory=dict)
    query: bool = False


def http_call(event: object) -> Call:
    """Return the call that an HTTP API event makes.

    Raises:
        RequestError: 404 or 405, no operation has this path or method; 400, it is no such event, or the body is not the
            base64 it says; 403, a token without a subject.
    """
    try:
        told = msgspec.convert(event, _Event)
    except msgspec.ValidationError as error:
        raise RequestError(400, "Malformed request", f"this is no event of an HTTP API: {error}") from None
    operation = ROUTES.get(told.route_key)
    if operation is None:
        raise _no_route(told)
    session_id = (told.path_parameters or {}).get("session_id")
    if told.route_key.startswith("POST "):
        return Call(operation, session_id, _subject(told), _body(told))
    return Call(operation, session_id, _subject(told), _query(told.raw_query_string or ""), query=True)


def direct_call(event: object) -> Call:
    """Return the call that a direct invoke makes; its body is text again, so that one set of rules holds for both.

    Raises:
        RequestError: 404, there is no such operation; 400, not an object, or text that is no Unicode.
    """
    if not isinstance(event, dict):
        raise RequestError(400, "Malformed request", "a direct invoke takes a JSON object that names an operation")
    named = event.get("operation")
    for operation in DIRECT:
        if operation == named:
            body = {name: value for name, value in event.items() if name not in _DIRECT_ONLY}
            return Call(operation, event.get("session_id"), body=_text(body))
    detail = f"operation must be one of {', '.join(DIRECT)}"
    raise RequestError(404, "No such operation", detail, field="operation")


def http_response(status: int, answer: Any, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return an answer (None: no content) as API Gateway wants it."""
    if answer is None:
        return {"statusCode": status, "headers": dict(headers)}
    kind = "application/problem+json" if isinstance(answer, Problem) else "application/json"
    return {"statusCode": status, "headers": {"content-type": kind, **headers}, "body": encode(answer)}


def _subject(event: _Event) -> str | None:
    """Return the subject of the token that API Gateway has checked, where its authoriser is one for tokens.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
    """
    authorizer = event.request_context.authorizer
    if authorizer is None or authorizer.jwt is None:
        return None
    subject = (authorizer.jwt.claims or {}).get("sub")
    if not subject or not isinstance(subject, str):
        raise RequestError(403, "Forbidden", "the token names no subject (sub), so its sessions cannot be told apart")
    if not _is_unicode(subject):
        raise RequestError(403, "Forbidden", "the token's subject (sub) is no Unicode text")
    return subject


def _is_unicode(text: str) -> bool:
    """Say whether UTF-8 can carry a text: JSON's escapes can write half of a surrogate pair."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _text(body: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(body)
    except (UnicodeEncodeError, RecursionError) as error:
        raise RequestError(400, "Malformed request", f"the body is not JSON: {error}") from None


def _body(event: _Event) -> bytes:
    text = event.body or ""
    if not text:
        return b"{}"  # no body says no more than an empty object
    if not event.is_base64_encoded:
        return text.encode(errors="surrogatepass")  # half a surrogate pair is then refused as any wrong byte is
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise RequestError(400, "Malformed request", f"the body is not base64: {error}") from None


def _query(text: str) -> dict[str, Any]:
    """Return a query string as the document that a body would be; the last of repeated names counts."""
    from urllib.parse import parse_qs  # 2 ms, which the start of who is sent events need not cost

    values = parse_qs(text, keep_blank_values=True)
    document: dict[str, Any] = {name: given[-1] for name, given in values.items()}
    for name in _LISTS & values.keys():
        document[name] = [item_id for given in values[name] for item_id in given.split(",") if item_id]
    return document


def _no_route(event: _Event) -> RequestError:
    http = event.request_context.http
    if http is None or not _is_unicode(http.method):
        return RequestError(400, "Malformed request", "this is no event of an HTTP API: it has no method and path")
    path = (http.path if event.raw_path is None else event.raw_path).split("/")[1:]
    stage = event.request_context.stage or "$default"
    if stage != "$default" and path[:1] == [stage]:
        path = path[1:]
    methods = [key.split(" ")[0] for key in ROUTES if _fits(key.split("/")[1:], path)]
    if methods:
        allow = ", ".join(methods)
        return RequestError(405, "Method not allowed", f"this path takes {allow}, not {http.method}", allow=allow)
    return RequestError(404, "Not found", "no operation has this path")


def _fits(template: list[str], path: list[str]) -> bool:
    return len(template) == len(path) and all(
        part == given or (part.startswith("{") and given) for part, given in zip(template, path, strict=True)
    )

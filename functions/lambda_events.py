"""Convert Lambda events to typed calls, and answers to API Gateway responses.

API Gateway HTTP API, payload 2.0:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
from typing import Any

import msgspec

from calls import Call, DirectOperation, Response, routed_call
from http_routes import PATH_VARIABLE, ROUTE_KEYS, unmatched_route
from nextitem.errors import RequestError
from nextitem.service.huge_numbers import replace_infinities
from nextitem.service.schema import encode

DIRECT: tuple[DirectOperation, ...] = (*ROUTE_KEYS.values(), "verify")
"""The operations of a direct invoke; `verify` has no HTTP route."""

_EVENT_SOURCES = {
    "Records": "an event source (SQS, SNS, S3, Kinesis, DynamoDB and others)",
    "records": "an event source (Kafka, Firehose)",
    "eventSource": "an event source",
    "EventSource": "SNS",
    "detail-type": "EventBridge",
    "awslogs": "CloudWatch Logs",
}
"""The field that identifies the events of each source. No source reads the function's answer."""
_HTTP_MARKS = ("routeKey", "httpMethod", "headers")
"""Fields that identify an HTTP request: of an HTTP API, a REST API, a load balancer or VPC Lattice."""


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


def is_http(event: object) -> bool:
    """Return whether an event is an HTTP request, of an HTTP API or of another source."""
    return isinstance(event, dict) and (
        "routeKey" in event or ("operation" not in event and any(mark in event for mark in _HTTP_MARKS))
    )


def wants_raised_errors(event: object) -> bool:
    """Return whether the caller only notices raised errors. Lambda does not tell a function how it was invoked.

    An event source is known by its event. The caller of an asynchronous invoke says so with ``"on_error": "raise"``. A
    misspelt name is refused like any other unknown field, and that refusal must not be lost.
    """
    if isinstance(event, dict) and "on_error" in event:
        return event["on_error"] not in (None, "return")
    if isinstance(event, dict) and any(value == "raise" for name, value in event.items() if name != "session_id"):
        return True
    return _event_source(event) is not None


def http_call(event: object) -> Call:
    """Read the call from an HTTP API event.

    Raises:
        RequestError: 404 or 405, no operation has this path or method; 400, the event is not one of an HTTP API, its
            body is not base64 though it says so, or its query is not UTF-8; 403, the token has no subject; 422, the
            operation takes its fields from the body and there is a query string, or the other way round.
    """
    try:
        http_event = msgspec.convert(event, _Event)
    except (msgspec.ValidationError, RecursionError) as error:
        detail = f"only events of an HTTP API with payload format 2.0 are accepted: {error}"
        raise RequestError(400, "Malformed request", detail) from None
    if http_event.route_key in ROUTE_KEYS:
        route_key, variables = http_event.route_key, http_event.path_parameters or {}
    else:
        route_key, variables = unmatched_route(*_target(http_event))
    subject = _subject(http_event)
    return routed_call(route_key, variables, http_event.raw_query_string or "", _body(http_event), subject)


def direct_call(event: object) -> Call:
    """Read the call from a direct invoke. Its body becomes JSON text, so that the same checks apply as for HTTP.

    Raises:
        RequestError: 404, no operation has this name; 400, the event is not an object, or a text is not valid Unicode.
    """
    if source := _event_source(event):
        detail = f"events of {source} are not accepted; a direct invoke names an operation"
        raise RequestError(400, "Malformed request", detail)
    if not isinstance(event, dict):
        raise RequestError(400, "Malformed request", "a direct invoke must be a JSON object with an operation")
    name = event.get("operation")
    for operation in DIRECT:
        if operation == name:
            own = PATH_VARIABLE.get(operation)
            envelope_fields = ("operation", "on_error") if own is None else ("operation", "on_error", own)
            absent = {name for name in PATH_VARIABLE.values() if event.get(name) is None}
            body = {key: value for key, value in event.items() if key not in {*envelope_fields, *absent}}
            if event.get("on_error") not in (None, "return", "raise"):
                raise RequestError(422, "Unprocessable content", "accepted are: return, raise", field="on_error")
            ids = event.get("session_id"), event.get("item_id")
            return Call(operation, *ids, body=_text(body), envelope_fields=envelope_fields)
    detail = f"operation must be one of {', '.join(DIRECT)}"
    raise RequestError(404, "No such operation", detail, field="operation")


def http_response(response: Response) -> dict[str, Any]:
    """Return the API Gateway response of a call's response."""
    converted: dict[str, Any] = {"statusCode": response.status, "headers": response.all_headers}
    if response.answer is not None:
        converted["body"] = encode(response.answer)
    return converted


def _event_source(event: object) -> str | None:
    """Return the source of an event, None of a direct invoke. EventBridge Pipes sends the records as a bare list."""
    first = event[0] if isinstance(event, list) and event else event
    if not isinstance(first, dict) or "operation" in first:
        return None
    return next((source for mark, source in _EVENT_SOURCES.items() if mark in first), None)


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


def _target(event: _Event) -> tuple[str, str, str]:
    """Return method, path and stage of a request that API Gateway found no route for."""
    http = event.request_context.http
    if http is None or not _is_unicode(http.method):
        raise RequestError(400, "Malformed request", "the event is not an HTTP API event: it has no method and path")
    path = http.path if event.raw_path is None else event.raw_path
    return http.method, path, event.request_context.stage or "$default"


def _is_unicode(text: str) -> bool:
    """Return whether UTF-8 can encode a text. JSON escapes can write half of a surrogate pair, which it cannot."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _text(body: dict[str, Any]) -> bytes:
    try:
        text = msgspec.json.encode(body)
        if b"null" in text:
            text = msgspec.json.encode(replace_infinities(body))
    except (ValueError, RecursionError) as error:
        raise RequestError(400, "Malformed request", f"the body is not JSON: {error}") from None
    return text


def _body(event: _Event) -> bytes:
    text = event.body or ""
    if not event.is_base64_encoded:
        return text.encode(errors="surrogatepass")  # half a surrogate pair is then refused like any other wrong byte
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise RequestError(400, "Malformed request", f"the body is not base64: {error}") from None

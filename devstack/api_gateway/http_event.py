"""Convert an HTTP request to the event of API Gateway's HTTP API, payload format 2.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html. Beyond that
page, as seen in recorded events: ``rawPath`` is decoded, the cookie header is only in ``cookies``, and a body counts as
text only by its content type, so a form is base64. No body is decompressed: with a content encoding the event has the
bytes as they were sent, in base64.
"""

import base64
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from devstack.api_gateway.routes import MatchedRoute
from devstack.lambda_runtime.function import ACCOUNT_ID
from devstack.lambda_runtime.invocation import new_trace_id

STAGE = "$default"
_API_ID = "devstack"
_TEXT_TYPES = ("application/json", "application/javascript", "application/xml")


@dataclass(frozen=True)
class HttpRequest:
    """A received request; `target` is path and query, still encoded."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    source_ip: str
    protocol: str = "HTTP/1.1"

    @property
    def path(self) -> str:
        """The path, without the query: decoded twice, and cut at an encoded ``?``, as on AWS."""
        once = unquote(self.target.partition("?")[0])
        return unquote(once.partition("?")[0])

    @property
    def head_bytes(self) -> int:
        """Size of the request line and of all header values, to which HTTP APIs set a limit."""
        line = f"{self.method} {self.target} {self.protocol}"
        return sum(len(text.encode(errors="surrogateescape")) for text in (line, *(value for _, value in self.headers)))


def to_event(request: HttpRequest, route: MatchedRoute, authorizer: Mapping[str, Any] | None = None) -> bytes:
    """Return the event as JSON; fields without a value are left out, as AWS does.

    Args:
        request: the HTTP request.
        route: that the request takes.
        authorizer: what the route's authorizer says of the caller, such as ``{"jwt": {...}}``; None if it has none.
    """
    path, query = request.path, request.target.partition("?")[2]
    headers = _join((name.lower(), value) for name, value in request.headers if name.lower() != "cookie")
    cookies = [value for name, value in request.headers if name.lower() == "cookie"]
    headers.setdefault("x-amzn-trace-id", new_trace_id().partition(";")[0])
    headers["x-forwarded-for"] = ",".join(filter(None, (headers.get("x-forwarded-for"), request.source_ip)))
    now = datetime.now(UTC)
    domain = headers.get("host", "")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT_ID,
            "apiId": _API_ID,
            "domainName": domain,
            "domainPrefix": domain.partition(".")[0],
            "http": {
                "method": request.method,
                "path": path,
                "protocol": request.protocol,
                "sourceIp": request.source_ip,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": route.key,
            "stage": STAGE,
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if authorizer is not None:
        event["requestContext"]["authorizer"] = authorizer
    if cookies:
        event["cookies"] = [cookie.strip() for cookie in ";".join(cookies).split(";") if cookie.strip()]
    if parameters := _join(parse_qsl(query, keep_blank_values=True)):
        event["queryStringParameters"] = parameters
    if route.path_parameters:
        event["pathParameters"] = route.path_parameters
    if request.body:
        event["body"], event["isBase64Encoded"] = _body(request.body, headers)
    return json.dumps(event, ensure_ascii=False).encode(errors="replace")


def _join(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _body(body: bytes, headers: dict[str, str]) -> tuple[str, bool]:
    """Return the body's text and False, or its base64 and True."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_text = media_type.startswith("text/") or media_type.endswith(("+json", "+xml"))
    if (is_text or media_type in _TEXT_TYPES) and "content-encoding" not in headers:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass  # against its content type: JSON could not carry it as text
    return base64.b64encode(body).decode("ascii"), True

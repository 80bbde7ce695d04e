"""Convert a function's response to the HTTP response that API Gateway makes of it, payload format 2.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html. JSON without a
``statusCode`` is itself the body of a 200. An error, or any other shape, is a 500 without details.
"""

import base64
import binascii
import http
import json
from dataclasses import dataclass
from typing import Any

from devstack.lambda_runtime.invocation import Outcome

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"
"""The content type that HTTP APIs give a body without one."""
_STATUSES = range(200, 600)
_HOP_BY_HOP = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})
"""Headers that the server sets itself."""


@dataclass(frozen=True)
class HttpResponse:
    """A response ready to be sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def message_response(status: http.HTTPStatus, message: str) -> HttpResponse:
    """Return a response of the gateway itself: ``{"message": ...}``."""
    body = json.dumps({"message": message}).encode()
    return HttpResponse(status, (("content-type", JSON_TYPE),), body)


def to_response(outcome: Outcome) -> HttpResponse:
    """Return the HTTP response to an invocation's outcome."""
    if not outcome.failed:
        try:
            value = json.loads(outcome.payload)
            if not isinstance(value, dict) or "statusCode" not in value:
                return _bare(value)
            return _structured(value)
        except (ValueError, TypeError, AttributeError, RecursionError):
            pass  # no JSON, or fields of wrong types
    return message_response(http.HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")


def _bare(value: object) -> HttpResponse:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return HttpResponse(http.HTTPStatus.OK, (("content-type", JSON_TYPE),), text.encode())


def _structured(value: dict[str, Any]) -> HttpResponse:
    headers = {
        str(name).lower(): str(content)
        for name, content in (value.get("headers") or {}).items()
        if str(name).lower() not in _HOP_BY_HOP
    }
    if any(char in text for header in headers.items() for text in header for char in "\r\n\0"):
        raise ValueError("a header has a line break")
    text = value.get("body") or ""
    if not isinstance(text, str):
        raise TypeError("the body is not a string")
    body = text.encode()
    if value.get("isBase64Encoded"):
        try:
            body = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise ValueError("the body is not base64") from error
    if body:
        headers.setdefault("content-type", TEXT_TYPE)
    cookies = tuple(("set-cookie", str(cookie)) for cookie in value.get("cookies") or ())
    status = int(value["statusCode"])
    if status not in _STATUSES:
        raise ValueError("statusCode is not an HTTP status")
    return HttpResponse(status, (*headers.items(), *cookies), body)

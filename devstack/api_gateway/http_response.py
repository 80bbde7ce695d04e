"""From what a function returned to the HTTP response that API Gateway makes of it, payload 2.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
JSON without a ``statusCode`` is itself the body of a 200; an error, or a shape that is none
of the two, is a 500 that tells the caller nothing. This module knows no server.
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
"""What HTTP APIs say of a body whose type the function did not tell."""
_STATUSES = range(200, 600)
_HOP_BY_HOP = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})
"""The server's own business, whatever the function says."""


@dataclass(frozen=True)
class HttpAnswer:
    """A response ready to be sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def message_answer(status: http.HTTPStatus, message: str) -> HttpAnswer:
    """An answer of the gateway itself: ``{"message": ...}``."""
    body = json.dumps({"message": message}).encode()
    return HttpAnswer(status, (("content-type", JSON_TYPE),), body)


def to_answer(outcome: Outcome) -> HttpAnswer:
    """The HTTP response to an invocation's outcome."""
    if not outcome.failed:
        try:
            value = json.loads(outcome.payload)
            if not isinstance(value, dict) or "statusCode" not in value:
                return _bare(value)
            return _structured(value)
        except (ValueError, TypeError, AttributeError):
            pass  # no JSON, or fields of types that the format does not have
    return message_answer(http.HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")


def _bare(value: object) -> HttpAnswer:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return HttpAnswer(http.HTTPStatus.OK, (("content-type", JSON_TYPE),), text.encode())


def _structured(value: dict[str, Any]) -> HttpAnswer:
    headers = {
        str(name).lower(): str(content)
        for name, content in (value.get("headers") or {}).items()
        if str(name).lower() not in _HOP_BY_HOP
    }
    text = value.get("body") or ""
    if not isinstance(text, str):
        raise TypeError("a body is text")
    body = text.encode()
    if value.get("isBase64Encoded"):
        try:
            body = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise ValueError("not base64") from error
    if body:
        headers.setdefault("content-type", TEXT_TYPE)
    cookies = tuple(("set-cookie", str(cookie)) for cookie in value.get("cookies") or ())
    status = int(value["statusCode"])
    if status not in _STATUSES:
        raise ValueError("not a status of HTTP")
    return HttpAnswer(status, (*headers.items(), *cookies), body)

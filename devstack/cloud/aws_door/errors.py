"""Refusals of AWS services, in the form that each service writes them in."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from xml.sax.saxutils import escape

from aiohttp import web

_JSON_TYPE = "application/x-amz-json-1.1"
REST_JSON = ("lambda", "xray")
"""Services whose errors are named by a header."""
NOT_MODELLED = HTTPStatus.NOT_IMPLEMENTED
"""Status of a request that AWS serves and the local cloud does not: no policy may seem to allow it."""


@dataclass(eq=False)
class Refused(Exception):
    """A request that is answered with an error.

    Attributes:
        code: AWS's name of the error.
        message: its text.
        status: the HTTP status.
    """

    code: str
    message: str
    status: HTTPStatus


def not_modelled(service: str, operation: str) -> Refused:
    """Return the refusal of an operation that the local cloud does not have."""
    return Refused("NotImplemented", f"The local cloud does not model {service}: {operation}.", NOT_MODELLED)


def access_denied(service: str, message: str) -> Refused:
    """Return the refusal of a request that the policies do not allow, as the service names it."""
    if service in {"s3", "sts"}:
        return Refused("AccessDenied", message, HTTPStatus.FORBIDDEN)
    status = HTTPStatus.FORBIDDEN if service in REST_JSON else HTTPStatus.BAD_REQUEST
    return Refused("AccessDeniedException", message, status)


def render(service: str, refused: Refused, request_id: str, *, head: bool = False) -> web.Response:
    """Return the HTTP response of a refusal.

    Args:
        service: which writes it.
        refused: the refusal.
        request_id: of the request.
        head: True for an answer to HEAD, which has no body.
    """
    code, message = escape(refused.code), escape(refused.message)
    headers = {"x-amzn-RequestId": request_id}
    match service:
        case "s3":
            headers = {"x-amz-request-id": request_id, "Content-Type": "application/xml"}
            body = (
                '<?xml version="1.0" encoding="UTF-8"?>\n'
                f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{request_id}</RequestId></Error>"
            )
        case "sts":
            headers["Content-Type"] = "text/xml"
            body = (
                '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
                f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
                f"<RequestId>{request_id}</RequestId></ErrorResponse>"
            )
        case _ if service in REST_JSON:
            headers |= {"x-amzn-ErrorType": refused.code, "Content-Type": "application/json"}
            body = json.dumps({"Type": "User", "message": refused.message, "Message": refused.message})
        case _:
            headers["Content-Type"] = _JSON_TYPE
            body = json.dumps({"__type": refused.code, "message": refused.message, "Message": refused.message})
    return web.Response(status=refused.status, headers=headers, body=b"" if head else body.encode())

"""Lambda's Invoke API on loopback: synchronous invocations, without client context and log tail.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html. Signatures are not checked.
"""

import http
import json
from typing import NoReturn
from urllib.parse import unquote

from aiohttp import web

from devstack.lambda_runtime.function import VERSION, Function
from devstack.lambda_runtime.invocation import PAYLOAD_LIMIT_BYTES, Outcome
from devstack.lambda_runtime.worker_pool import WorkerPool

ALIAS = "live"
"""The alias in the template; other versions and aliases do not exist."""
INVOKE_PATH = "/2015-03-31/functions/{name}/invocations"


class InvokeApi:
    """Answers Invoke requests for one function."""

    def __init__(self, function: Function, pool: WorkerPool) -> None:
        self._function = function
        self._pool = pool

    async def invoke(self, request: web.Request) -> web.Response:
        """Handle one request."""
        name = unquote(request.match_info["name"])
        if not self._is_name(name):
            return _error(http.HTTPStatus.NOT_FOUND, "ResourceNotFoundException", f"Function not found: {name}")
        invocation_type = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if invocation_type != "RequestResponse":
            message = f"Invocation type {invocation_type} is not supported by devstack"
            return _error(http.HTTPStatus.BAD_REQUEST, "InvalidParameterValueException", message)
        try:
            payload = await request.read() or b"{}"
        except web.HTTPRequestEntityTooLarge:
            return _too_large()
        if (refusal := refuse_payload(payload)) is not None:
            return refusal
        return to_response(await self._pool.invoke(payload), VERSION)

    def _is_name(self, name: str) -> bool:
        """Return whether this is the function's name or ARN, alone or with its version or alias."""
        names = (self._function.arn, self._function.name)
        return name in (f"{known}{qualifier}" for known in names for qualifier in ("", f":{VERSION}", f":{ALIAS}"))


def refuse_payload(payload: bytes) -> web.Response | None:
    """Return Lambda's refusal of an event that is too large or no JSON; None if it is accepted."""
    if len(payload) > PAYLOAD_LIMIT_BYTES:
        return _too_large()
    try:
        json.loads(payload.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        message = f"Could not parse request body into json: {error}"
        return _error(http.HTTPStatus.BAD_REQUEST, "InvalidRequestContentException", message)
    return None


def to_response(outcome: Outcome, version: str) -> web.Response:
    """Return the answer to an invocation that a version of the function ran."""
    headers = {"X-Amz-Executed-Version": version}
    if outcome.failed:
        headers["X-Amz-Function-Error"] = "Unhandled"
    return web.Response(body=outcome.payload, content_type="application/json", headers=headers)


def _too_large() -> web.Response:
    message = f"Request must be smaller than {PAYLOAD_LIMIT_BYTES} bytes"
    return _error(http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "RequestTooLargeException", message)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _error(status: http.HTTPStatus, error_type: str, message: str) -> web.Response:
    return web.Response(
        status=status,
        text=json.dumps({"Type": "User", "message": message}),
        content_type="application/json",
        headers={"X-Amzn-ErrorType": error_type},
    )

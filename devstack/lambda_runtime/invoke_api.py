"""Lambda's Invoke API on loopback, as far as a backend that calls the function needs it.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html. Signatures are not looked at: there is
no IAM here. Only synchronous invocations and dry runs; no client context and no log tail.
"""

import http
import json
from urllib.parse import unquote

from aiohttp import web

from devstack.lambda_runtime.function import VERSION, Function
from devstack.lambda_runtime.invocation import PAYLOAD_LIMIT_BYTES
from devstack.lambda_runtime.worker_pool import WorkerPool

INVOKE_PATH = "/2015-03-31/functions/{name}/invocations"


class InvokeApi:
    """Answers Invoke requests for one function."""

    def __init__(self, function: Function, pool: WorkerPool) -> None:
        self._function = function
        self._pool = pool

    async def invoke(self, request: web.Request) -> web.Response:
        """One request, start to end."""
        name = unquote(request.match_info["name"])
        if not self._is_ours(name):
            message = f"Function not found: {name}"
            return _refusal(http.HTTPStatus.NOT_FOUND, "ResourceNotFoundException", message)
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            return web.Response(status=http.HTTPStatus.NO_CONTENT)
        if kind != "RequestResponse":
            message = f"Invocation type {kind} is not available here"
            return _refusal(http.HTTPStatus.BAD_REQUEST, "InvalidParameterValueException", message)
        payload = await request.read() or b"{}"
        if len(payload) > PAYLOAD_LIMIT_BYTES:
            message = f"Request must be smaller than {PAYLOAD_LIMIT_BYTES} bytes"
            return _refusal(http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "RequestTooLargeException", message)
        try:
            json.loads(payload)
        except ValueError as error:
            message = f"Could not parse request body into json: {error}"
            return _refusal(http.HTTPStatus.BAD_REQUEST, "InvalidRequestContentException", message)
        outcome = await self._pool.invoke(payload)
        headers = {"X-Amz-Executed-Version": VERSION}
        if outcome.failed:
            headers["X-Amz-Function-Error"] = "Unhandled"
        return web.Response(body=outcome.payload, content_type="application/json", headers=headers)

    def _is_ours(self, name: str) -> bool:
        """Whether this is the function's name or ARN, with or without a version or alias."""
        full, short = self._function.arn, self._function.name
        return name in (full, short) or name.startswith((f"{full}:", f"{short}:"))


def _refusal(status: http.HTTPStatus, kind: str, message: str) -> web.Response:
    return web.Response(
        status=status,
        text=json.dumps({"Type": "User", "message": message}),
        content_type="application/json",
        headers={"X-Amzn-ErrorType": kind},
    )

"""Answer requests whose signature is verified: ask the policies, then moto or the local cloud."""

import asyncio
import json
from contextlib import suppress
from http import HTTPStatus

from aiohttp import ClientConnectionResetError, ClientResponse, web

from devstack.cloud.aws_door.authorization import Authorizer, Caller
from devstack.cloud.aws_door.call import Call, HttpRequest
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.aws_door.errors import Refused
from devstack.cloud.aws_door.s3_calls import S3Request, listing_of, use_for_reading
from devstack.cloud.aws_door.services import HookRefused, Services
from devstack.cloud.aws_door.upstream import Upstream, returned_headers
from devstack.lambda_runtime.function import VERSION
from devstack.lambda_runtime.invoke_api import refuse_payload, to_response

_CHUNK_BYTES = 1 << 18
_READING = ("s3:GetObject", "s3:GetObjectVersion")
_KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"
_HOOK_STATUSES = ("Succeeded", "Failed")


class Answers:
    """Answers the requests of one door; methods raise `Refused`."""

    def __init__(self, catalogue: Catalogue, authorizer: Authorizer, upstream: Upstream, services: Services) -> None:
        self._catalogue = catalogue
        self._authorizer = authorizer
        self._upstream = upstream
        self._services = services

    async def s3(
        self, web_request: web.Request, request: HttpRequest, caller: Caller, s3: S3Request
    ) -> web.StreamResponse:
        """Answer a request to S3."""
        self._authorizer.require(caller, s3.call)
        async with self._upstream.request("s3", request.method, s3.target, request.headers, request.body) as response:
            if s3.call.action in _READING:
                self._check_reading(request, caller, s3, response)
            return await _pass_on(web_request, response)

    async def service(
        self, web_request: web.Request, request: HttpRequest, caller: Caller, call: Call, request_id: str
    ) -> web.StreamResponse:
        """Answer a request to another service."""
        if call.service == "sts":  # GetCallerIdentity needs no permission, and no policy can deny it
            return _caller_identity(caller, request_id)
        self._authorizer.require(caller, call)
        if call.service == "lambda":
            return await self._invoke(request, call)
        if call.service == "codedeploy":
            return await self._report_hook(request)
        target = f"{request.path}{f'?{request.query}' if request.query else ''}"
        async with self._upstream.request(
            call.service, request.method, target, request.headers, request.body
        ) as response:
            return await _pass_on(web_request, response)

    def _check_reading(self, request: HttpRequest, caller: Caller, s3: S3Request, response: ClientResponse) -> None:
        """Refuse what moto would tell or show although the caller may not know it.

        Without s3:ListBucket S3 does not say that a key is missing. An encrypted object needs kms:Decrypt for its
        content, and for its checksum.
        """
        if response.status == HTTPStatus.NOT_FOUND:
            self._authorizer.require(caller, listing_of(s3, self._catalogue))
        elif response.ok:
            key_id = response.headers.get(_KEY_HEADER)
            shows_content = request.method == "GET" or request.headers.get("x-amz-checksum-mode") == "ENABLED"
            if key_id and shows_content:
                self._authorizer.require_key(caller, use_for_reading(s3, key_id, self._catalogue), "s3")

    async def _invoke(self, request: HttpRequest, call: Call) -> web.Response:
        payload = request.body or b"{}"
        if (refusal := refuse_payload(payload)) is not None:
            return refusal
        try:
            outcome = await asyncio.to_thread(self._services.invoke, call.resource, payload)
        except LookupError:
            message = f"Function not found: {call.resource}"
            raise Refused("ResourceNotFoundException", message, HTTPStatus.NOT_FOUND) from None
        qualifier = call.resource.partition(":function:")[2].partition(":")[2]
        return to_response(outcome, qualifier if qualifier.isdecimal() else VERSION)

    async def _report_hook(self, request: HttpRequest) -> web.Response:
        body = json.loads(request.body)
        execution, status = str(body.get("lifecycleEventHookExecutionId")), body.get("status")
        if status not in _HOOK_STATUSES:
            message = f"The status {status} is not one of {_HOOK_STATUSES}"
            raise Refused("InvalidLifecycleEventHookExecutionStatusException", message, HTTPStatus.BAD_REQUEST)
        try:
            await asyncio.to_thread(self._services.report_hook, str(body["deploymentId"]), execution, status)
        except HookRefused as error:
            raise Refused(error.code, error.message, HTTPStatus.BAD_REQUEST) from error
        return web.json_response({"lifecycleEventHookExecutionId": execution})


async def _pass_on(web_request: web.Request, response: ClientResponse) -> web.StreamResponse:
    """Send moto's response to the caller, in pieces: a model may have hundreds of megabytes."""
    answer = web.StreamResponse(status=response.status, reason=response.reason, headers=returned_headers(response))
    with suppress(ClientConnectionResetError):  # a caller that has gone, such as a function that was ended
        await answer.prepare(web_request)
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            await answer.write(chunk)
        await answer.write_eof()
    return answer


def _caller_identity(caller: Caller, request_id: str) -> web.Response:
    principal = caller.principal
    (user_id,) = principal.context["aws:userid"]
    text = (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"<Arn>{principal.arn}</Arn><UserId>{user_id}</UserId><Account>{principal.account}</Account>"
        f"</GetCallerIdentityResult><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        "</GetCallerIdentityResponse>"
    )
    return web.Response(text=text, content_type="text/xml")

"""The door: every request to an AWS service of the local cloud passes it, over TLS as on AWS, or is refused.

Its address is that of a VPC endpoint or of the internet, which decides about the policies that apply.
"""

import asyncio
import socket
import ssl
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Self

from aiohttp import web

from devstack.cloud.aws_door.answers import Answers
from devstack.cloud.aws_door.authorization import AccessDecision, Authorizer, Caller
from devstack.cloud.aws_door.call import Context, HttpRequest
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.aws_door.errors import Refused, not_modelled, render
from devstack.cloud.aws_door.hosts import parse_host
from devstack.cloud.aws_door.s3_calls import parse_s3
from devstack.cloud.aws_door.service_calls import parse_service
from devstack.cloud.aws_door.services import Services
from devstack.cloud.aws_door.upstream import Upstream
from devstack.cloud.iam.authority import Authority
from devstack.cloud.iam.patterns import PolicyError
from devstack.cloud.iam.signatures import SignatureRefused, verify
from devstack.cloud.resources import Deployment, Resource
from devstack.processes.listener import ANY_PATH, Listener
from devstack.processes.loop_thread import LoopThread

BODY_LIMIT_BYTES = 5 << 30
"""S3's limit for a single PUT."""
_LARGE_BYTES = 1 << 20
_SHUTDOWN_SECONDS = 1.0


class AwsDoor:
    """The AWS services of a deployment, inside its ``with`` block.

    Args:
        deployment: its resources decide, as they are at each request.
        authority: knows the callers' credentials and policies.
        moto_endpoint: ``http://host:port`` of a moto server with the deployment's resources.
        services: answers for Lambda and CodeDeploy.
        now: the wall clock, with a time zone.

    Attributes:
        catalogue: the deployment's resources.
        authorizer: decides about all actions.

    Example:
        ``with AwsDoor(deployment, authority, moto, services) as door: door.open(listening, tls=tls, via="S3Endpoint")``
    """

    def __init__(
        self,
        deployment: Deployment,
        authority: Authority,
        moto_endpoint: str,
        services: Services,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.catalogue = Catalogue(deployment)
        self._account = deployment.account
        self._authority = authority
        self._services = services
        self._now = now
        self.authorizer = Authorizer(self.catalogue)
        self._upstream = Upstream(moto_endpoint, deployment.account.region)
        self._answers = Answers(self.catalogue, self.authorizer, self._upstream, services)
        self._loop = LoopThread("aws-door")
        self._entrances: list[tuple[web.AppRunner, Listener]] = []

    @property
    def decisions(self) -> list[AccessDecision]:
        """All decisions up to now, in their order; they name the statements that decided."""
        return self.authorizer.decisions

    def __enter__(self) -> Self:
        self._loop.__enter__()
        self._loop.run(self._upstream.open())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._close())
        self._loop.__exit__()

    def open(self, listening: socket.socket, *, tls: ssl.SSLContext | None, via: str | None) -> None:
        """Serve one more socket; the door closes it at its end.

        Args:
            listening: in any network namespace.
            tls: with the server's certificate; None for plain HTTP, which S3 serves, too.
            via: logical id of the VPC endpoint with this address, or None for callers from the internet.
        """
        self._loop.run(self._open(listening, tls, via))

    async def _open(self, listening: socket.socket, tls: ssl.SSLContext | None, via: str | None) -> None:
        app = web.Application(client_max_size=BODY_LIMIT_BYTES)
        app.router.add_route("*", ANY_PATH, partial(self._handle, via, tls is not None))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS, auto_decompress=False)
        await runner.setup()
        if runner.server is None:
            raise AssertionError("`setup` makes the server")
        self._entrances.append((runner, Listener(listening, runner.server, tls)))

    async def _close(self) -> None:
        await asyncio.gather(*(runner.cleanup() for runner, _ in self._entrances))
        await asyncio.gather(*(listener.close() for _, listener in self._entrances))
        await self._upstream.close()

    async def _handle(self, via: str | None, secure: bool, web_request: web.Request) -> web.StreamResponse:
        host = parse_host(self._account, web_request.host)
        request_id = str(uuid.uuid4())
        if host is None:
            refused = Refused("UnknownHost", f"{web_request.host} is no host here", HTTPStatus.MISDIRECTED_REQUEST)
            return render("", refused, request_id)
        service = host.service
        try:
            request = await HttpRequest.read(web_request, secure=secure)
            caller = await self._identify(service, request, via)
            if service == "s3":
                s3_request = parse_s3(request, host.bucket, self.catalogue)
                return await self._answers.s3(web_request, request, caller, s3_request)
            call = parse_service(service, request, self.catalogue, self._services.deployment_group)
            return await self._answers.service(web_request, request, caller, call, request_id)
        except SignatureRefused as error:
            refused = Refused(error.code, error.message, HTTPStatus(error.status))
        except PolicyError as error:
            refused = not_modelled(service, f"a policy that decides here: {error}")
        except Refused as error:
            refused = error
        return render(service, refused, request_id, head=web_request.method == "HEAD")

    async def _identify(self, service: str, request: HttpRequest, via: str | None) -> Caller:
        if len(request.body) <= _LARGE_BYTES:
            return self._caller(service, request, via)
        # Other clients would wait while a part of a model is hashed, and the function waits for one second at most.
        return await asyncio.to_thread(self._caller, service, request, via)

    def _caller(self, service: str, request: HttpRequest, via: str | None) -> Caller:
        endpoint = None if via is None else self._endpoint(service, via)
        principal = verify(request.signed, self._authority, service, self._account.region, self._now())
        return Caller(principal, endpoint, self._context(request, endpoint))

    def _endpoint(self, service: str, via: str) -> Resource:
        endpoint = self.catalogue.resource(via)
        if endpoint.properties["ServiceName"].rpartition(".")[2] != service:
            raise Refused("WrongEndpoint", f"{via} does not lead to {service}", HTTPStatus.MISDIRECTED_REQUEST)
        return endpoint

    def _context(self, request: HttpRequest, endpoint: Resource | None) -> Context:
        """Return the condition keys that all services have.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
        """
        now = self._now()
        place = (
            {"aws:SourceIp": request.peer}
            if endpoint is None
            else {"aws:SourceVpce": endpoint.physical_id, "aws:SourceVpc": endpoint.properties["VpcId"]}
        )
        values = {
            "aws:SecureTransport": str(request.secure).lower(),
            "aws:CurrentTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "aws:EpochTime": str(int(now.timestamp())),
            "aws:RequestedRegion": self._account.region,
            "aws:ResourceAccount": self._account.id,
            "aws:ViaAWSService": "false",
            **place,
            **({"aws:UserAgent": request.headers["user-agent"]} if "user-agent" in request.headers else {}),
        }
        return {name: (value,) for name, value in values.items()}

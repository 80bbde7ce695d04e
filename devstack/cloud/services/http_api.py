"""The template's HTTP API: its stage, routes, authorizers, CORS, and its permission to invoke the function.

Signatures are checked as API Gateway does (service ``execute-api``). One address stands for the API's own one and for a
custom domain. Access logs are not modelled, nor is throttling but for a limit of 0.
"""

import asyncio
import http
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from devstack.api_gateway.cors import Cors
from devstack.api_gateway.gateway import UNAUTHORIZED, Authorize
from devstack.api_gateway.http_event import STAGE, HttpRequest
from devstack.api_gateway.http_response import HttpResponse, message_response
from devstack.api_gateway.jwt_authorizer import JwtAuthorizer
from devstack.api_gateway.routes import DEFAULT_ROUTE_KEY, MatchedRoute
from devstack.cloud.aws_door.authorization import Authorizer, Caller
from devstack.cloud.aws_door.call import Call
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.iam.authority import Authority, service_principal
from devstack.cloud.iam.policy import Principal
from devstack.cloud.iam.signatures import SignatureRefused, SignedRequest, verify
from devstack.cloud.resources import Resource
from devstack.lambda_runtime.invocation import Outcome

ROUTE, INTEGRATION, AUTHORIZER, STAGES, MAPPING = (
    f"AWS::ApiGatewayV2::{kind}" for kind in ("Route", "Integration", "Authorizer", "Stage", "ApiMapping")
)
SERVICE = "apigateway.amazonaws.com"
TIMEOUT_MILLISECONDS = 30_000
"""Default and maximum of `TimeoutInMillis`."""
_HEADER_SOURCE = "$request.header."
_CORS_PROPERTIES = {"AllowOrigins", "AllowMethods", "AllowHeaders", "MaxAge"}
_FORBIDDEN = message_response(http.HTTPStatus.FORBIDDEN, "Forbidden")
_NOT_FOUND = message_response(http.HTTPStatus.NOT_FOUND, "Not Found")
_THROTTLED = message_response(http.HTTPStatus.TOO_MANY_REQUESTS, "Too Many Requests")
_NOT_INVOKED = Outcome(b"API Gateway may not invoke the function", failed=True)

Invoke = Callable[[str, bytes], Outcome]
"""Runs a function, named by its ARN, on an event."""


class HttpApi:
    """Decides about the requests to the API of a deployment, by the properties that its resources have now.

    Args:
        catalogue: the deployment's resources.
        authority: knows the callers' credentials.
        authorizer: decides about callers, and about API Gateway's own right to invoke.
        invoke: runs a function.

    Attributes:
        jwt: signs tokens for tests and checks those of requests; None if the API takes signed requests.

    Raises:
        ValueError: a property of the API is not modelled.
    """

    def __init__(self, catalogue: Catalogue, authority: Authority, authorizer: Authorizer, invoke: Invoke) -> None:
        self._catalogue, self._authority, self._authorizer = catalogue, authority, authorizer
        self._invoke = invoke
        self._tokens = {found.physical_id: _jwt(found) for found in catalogue.of_type(AUTHORIZER)}
        self.jwt = next(iter(self._tokens.values()), None)
        if (protocol := self._api.properties["ProtocolType"]) != "HTTP":
            raise ValueError(f"{self._api.logical_id}: ProtocolType {protocol} is not modelled, only HTTP")
        for integration in catalogue.of_type(INTEGRATION):
            if (version := integration.properties.get("PayloadFormatVersion", "1.0")) != "2.0":
                raise ValueError(f"{integration.logical_id}: PayloadFormatVersion {version} is not modelled, only 2.0")

    @property
    def _api(self) -> Resource:
        (api,) = self._catalogue.of_type("AWS::ApiGatewayV2::Api")
        return api

    @property
    def keys(self) -> Sequence[str]:
        """The keys of the routes besides ``$default``."""
        return [key for route in self._routes() if (key := route.properties["RouteKey"]) != DEFAULT_ROUTE_KEY]

    @property
    def cors(self) -> Cors | None:
        """Its CORS configuration.

        Raises:
            ValueError: a part of it is not modelled.
        """
        configuration = self._api.properties.get("CorsConfiguration")
        if configuration is None:
            return None
        if unknown := sorted(configuration.keys() - _CORS_PROPERTIES):
            raise ValueError(f"{self._api.logical_id}: {unknown[0]} of CorsConfiguration is not modelled")
        origins, methods, headers = (
            tuple(configuration.get(name, ())) for name in ("AllowOrigins", "AllowMethods", "AllowHeaders")
        )
        return Cors(origins, methods, headers, int(configuration.get("MaxAge", 0)))

    @property
    def authorize(self) -> Authorize:
        """Decides about each request; see `Authorize`."""

        def authorize(request: HttpRequest, matched: MatchedRoute) -> Mapping[str, Any] | HttpResponse | None:
            if (refused := self._closed()) is not None:
                return refused
            route = self._route(matched.key)
            return _NOT_FOUND if route is None else self._caller(request, route)

        return authorize

    async def invoke(self, event: bytes) -> Outcome:
        """Invoke the function that the integration of the event's route names.

        Raises:
            TimeoutError: it took longer than the integration allows.
        """
        key = json.loads(event)["routeKey"]
        route = self._route(key)
        if route is None:
            raise LookupError(f"the API has no route {key}")
        integration = self._integration(route)
        if not self._may_invoke(integration, route):
            return _NOT_INVOKED
        seconds = int(integration.properties.get("TimeoutInMillis", TIMEOUT_MILLISECONDS)) / 1000
        run = asyncio.to_thread(self._invoke, integration.properties["IntegrationUri"], event)
        return await asyncio.wait_for(run, seconds)

    def _closed(self) -> HttpResponse | None:
        """Return what API Gateway answers to every request, or None if the API is open."""
        stages = [stage for stage in self._of_api(STAGES) if stage.properties["StageName"] == STAGE]
        if not any(_is_true(stage.properties.get("AutoDeploy")) for stage in stages):
            return _NOT_FOUND  # under this address nothing is deployed
        if _is_true(self._api.properties.get("DisableExecuteApiEndpoint")) and not any(
            mapping.properties["Stage"] == STAGE for mapping in self._of_api(MAPPING)
        ):
            return _NOT_FOUND
        settings = stages[0].properties.get("DefaultRouteSettings", {})
        limits = [settings[name] for name in ("ThrottlingRateLimit", "ThrottlingBurstLimit") if name in settings]
        return _THROTTLED if any(float(limit) == 0 for limit in limits) else None

    def _caller(self, request: HttpRequest, route: Resource) -> Mapping[str, Any] | HttpResponse | None:
        match route.properties.get("AuthorizationType", "NONE"):
            case "NONE":
                return None
            case "JWT":
                return self._bearer(request, route)
            case "AWS_IAM":
                return self._signer(request)
            case other:
                raise ValueError(f"{route.logical_id}: AuthorizationType {other} is not modelled")

    def _bearer(self, request: HttpRequest, route: Resource) -> Mapping[str, Any] | HttpResponse:
        authorizer = self._find(AUTHORIZER, route.properties.get("AuthorizerId", ""))
        (source,) = authorizer.properties["IdentitySource"]
        name = source.removeprefix(_HEADER_SOURCE).lower()
        if name == source.lower():
            raise ValueError(f"{authorizer.logical_id}: the IdentitySource {source} is not modelled, only a header")
        token = next((value for header, value in request.headers if header.lower() == name), "")
        claims = self._tokens[authorizer.physical_id].authorize(token)
        if claims is None:
            return UNAUTHORIZED
        wanted = route.properties.get("AuthorizationScopes", [])
        if wanted and not {*wanted} & {*claims.get("scope", claims.get("scp", "")).split()}:
            challenge = f'Bearer scope="{" ".join(wanted)}" error="insufficient_scope"'
            return replace(_FORBIDDEN, headers=(*_FORBIDDEN.headers, ("www-authenticate", challenge)))
        return {"jwt": {"claims": claims, "scopes": wanted or None}}

    def _signer(self, request: HttpRequest) -> Mapping[str, Any] | HttpResponse:
        path, _, query = request.target.partition("?")
        signed = SignedRequest(request.method, path, query, request.headers, request.body)
        try:
            principal = verify(
                signed, self._authority, "execute-api", self._catalogue.account.region, datetime.now(UTC)
            )
        except SignatureRefused:
            return _FORBIDDEN
        call = Call(
            "execute-api", "execute-api:Invoke", self._stage_arn(f"{request.method}/{request.path.removeprefix('/')}")
        )
        if not self._authorizer.decide(Caller(principal), call).allowed:
            return _FORBIDDEN
        return {"iam": _identity(principal)}

    def _may_invoke(self, integration: Resource, route: Resource) -> bool:
        """Return whether the function's permissions let API Gateway invoke it for this route."""
        function, arn = self._catalogue.function(integration.properties["IntegrationUri"], None)
        route_method, _, path = route.properties["RouteKey"].partition(" ")
        source = self._stage_arn(f"{route_method}/{path.removeprefix('/')}" if path else DEFAULT_ROUTE_KEY)
        caller = Caller(service_principal(SERVICE), None, {"aws:SourceArn": (source,)})
        return self._authorizer.decide(caller, Call("lambda", "lambda:InvokeFunction", arn, function)).allowed

    def _stage_arn(self, rest: str) -> str:
        return self._catalogue.account.arn("execute-api", f"{self._api.physical_id}/{STAGE}/{rest}")

    def _routes(self) -> list[Resource]:
        return self._of_api(ROUTE)

    def _of_api(self, kind: str) -> list[Resource]:
        return [part for part in self._catalogue.of_type(kind) if part.properties["ApiId"] == self._api.physical_id]

    def _route(self, key: str) -> Resource | None:
        return next((route for route in self._routes() if route.properties["RouteKey"] == key), None)

    def _integration(self, route: Resource) -> Resource:
        return self._find(INTEGRATION, str(route.properties["Target"]).removeprefix("integrations/"))

    def _find(self, kind: str, physical_id: str) -> Resource:
        """Return a part of the API.

        Raises:
            LookupError: there is none; AWS would have refused the route.
        """
        for part in self._of_api(kind):
            if part.physical_id == physical_id:
                return part
        raise LookupError(f"the API has no {kind} {physical_id}")


def _jwt(authorizer: Resource) -> JwtAuthorizer:
    configuration = authorizer.properties["JwtConfiguration"]
    return JwtAuthorizer(configuration["Issuer"], tuple(configuration["Audience"]))


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"


def _identity(principal: Principal) -> dict[str, Any]:
    """Return the caller as the event names it."""
    (user_id,) = principal.context["aws:userid"]
    return {
        "accessKey": "",
        "accountId": principal.account,
        "callerId": user_id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": principal.arn,
        "userId": user_id,
    }

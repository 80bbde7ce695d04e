"""The template's HTTP API: its routes, its authorizers and its permission to invoke the function.

Signatures are checked as API Gateway does (service ``execute-api``). The API's own domain, throttling and access logs
are not modelled.
"""

import http
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from devstack.api_gateway.cors import Cors
from devstack.api_gateway.gateway import Authorize, by_token
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

ROUTE, INTEGRATION = "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Integration"
SERVICE = "apigateway.amazonaws.com"
_FORBIDDEN = message_response(http.HTTPStatus.FORBIDDEN, "Forbidden")
_NOT_FOUND = message_response(http.HTTPStatus.NOT_FOUND, "Not Found")
_MISCONFIGURED = message_response(http.HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")
"""API Gateway's answer when it may not invoke the function."""


class HttpApi:
    """Decides about the requests to the API of a deployment, by the properties that its resources have now.

    Attributes:
        jwt: signs tokens for tests and checks those of requests; None if the API takes signed requests.
    """

    def __init__(self, catalogue: Catalogue, authority: Authority, authorizer: Authorizer) -> None:
        self._catalogue, self._authority, self._authorizer = catalogue, authority, authorizer
        (self._api,) = catalogue.of_type("AWS::ApiGatewayV2::Api")
        self.jwt = next((_jwt(found) for found in catalogue.of_type("AWS::ApiGatewayV2::Authorizer")), None)
        self._by_token = None if self.jwt is None else by_token(self.jwt)

    @property
    def keys(self) -> Sequence[str]:
        """The keys of the routes besides ``$default``."""
        return [key for route in self._routes() if (key := route.properties["RouteKey"]) != DEFAULT_ROUTE_KEY]

    @property
    def cors(self) -> Cors | None:
        """Its CORS configuration."""
        configuration = self._api.properties.get("CorsConfiguration")
        return None if configuration is None else Cors(tuple(configuration["AllowOrigins"]))

    def target(self) -> str:
        """Return the ARN that the integration of the default route invokes."""
        return str(self._integration(self._route(DEFAULT_ROUTE_KEY)).properties["IntegrationUri"])

    @property
    def authorize(self) -> Authorize:
        """Decides about each request; see `Authorize`."""

        def authorize(request: HttpRequest, matched: MatchedRoute) -> Mapping[str, Any] | HttpResponse | None:
            route = self._route(matched.key)
            if route is None:
                return _NOT_FOUND
            caller = self._caller(request, route)
            if isinstance(caller, HttpResponse):
                return caller
            return caller if self._may_invoke(request, route) else _MISCONFIGURED

        return authorize

    def _caller(self, request: HttpRequest, route: Resource) -> Mapping[str, Any] | HttpResponse | None:
        match route.properties.get("AuthorizationType", "NONE"):
            case "NONE":
                return None
            case "JWT" if self._by_token is not None:
                return self._by_token(request, MatchedRoute(route.properties["RouteKey"], {}))
            case "AWS_IAM":
                return self._signer(request)
        return _MISCONFIGURED

    def _signer(self, request: HttpRequest) -> Mapping[str, Any] | HttpResponse:
        path, _, query = request.target.partition("?")
        signed = SignedRequest(request.method, path, query, request.headers, request.body)
        try:
            principal = verify(
                signed, self._authority, "execute-api", self._catalogue.account.region, datetime.now(UTC)
            )
        except SignatureRefused:
            return _FORBIDDEN
        call = Call("execute-api", "execute-api:Invoke", self._request_arn(request.method, request.path))
        if not self._authorizer.decide(Caller(principal), call).allowed:
            return _FORBIDDEN
        return {"iam": _identity(principal)}

    def _may_invoke(self, request: HttpRequest, route: Resource) -> bool:
        """Return whether the function's permissions let API Gateway invoke it for this route."""
        integration = self._integration(route)
        function, arn = self._catalogue.function(integration.properties["IntegrationUri"], None)
        method, _, path = route.properties["RouteKey"].partition(" ")
        source = self._request_arn(method if path else request.method, path or DEFAULT_ROUTE_KEY)
        caller = Caller(service_principal(SERVICE), None, {"aws:SourceArn": (source,)})
        return self._authorizer.decide(caller, Call("lambda", "lambda:InvokeFunction", arn, function)).allowed

    def _request_arn(self, method: str, path: str) -> str:
        resource = f"{self._api.physical_id}/{STAGE}/{method}/{path.removeprefix('/')}"
        return self._catalogue.account.arn("execute-api", resource)

    def _routes(self) -> list[Resource]:
        return [route for route in self._catalogue.of_type(ROUTE) if route.properties["ApiId"] == self._api.physical_id]

    def _route(self, key: str) -> Resource | None:
        return next((route for route in self._routes() if route.properties["RouteKey"] == key), None)

    def _integration(self, route: Resource | None) -> Resource:
        if route is None:
            raise LookupError("the API has no default route")
        target = route.properties["Target"]
        for integration in self._catalogue.of_type(INTEGRATION):
            if target == f"integrations/{integration.physical_id}":
                return integration
        raise LookupError(f"the route {route.properties['RouteKey']} has no integration: {target}")


def _jwt(authorizer: Resource) -> JwtAuthorizer:
    configuration = authorizer.properties["JwtConfiguration"]
    return JwtAuthorizer(configuration["Issuer"], tuple(configuration["Audience"]))


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

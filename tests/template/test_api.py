"""The HTTP API: routes, authorization, integration."""

import json
import re
from typing import Any

import pytest

import http_routes
from devstack.api_gateway.cors import ALLOW_HEADERS, ALLOW_METHODS, MAX_AGE_SECONDS
from devstack.template.stack import Stack, Values, deployed

ROUTES = {*http_routes.ROUTE_KEYS, "$default"}
"""The routes that the handler answers."""
TOKENS: Values = {"JwtIssuer": "https://login.example.com/", "JwtAudience": "app,site"}
LOGGED = {
    "requestId",
    "requestTime",
    "routeKey",
    "status",
    "responseLatency",
    "integrationLatency",
    "error.messageString",
}
"""Variables of the access log; none can hold a session id, an address or a token's subject."""


def routes(stack: Stack) -> dict[str, dict[str, Any]]:
    return {route["RouteKey"]: route for route in stack.of_type("AWS::ApiGatewayV2::Route").values()}


def test_every_route_of_the_service_exists_and_no_other(stack: Stack) -> None:
    assert set(routes(stack)) == ROUTES


def test_every_route_demands_a_signed_request(stack: Stack) -> None:
    assert {key: route["AuthorizationType"] for key, route in routes(stack).items()} == dict.fromkeys(ROUTES, "AWS_IAM")
    assert stack.of_type("AWS::ApiGatewayV2::Authorizer") == {}


def test_with_an_issuer_every_route_demands_its_token() -> None:
    stack = deployed(TOKENS)
    ((name, authorizer),) = stack.of_type("AWS::ApiGatewayV2::Authorizer").items()

    assert authorizer["AuthorizerType"] == "JWT"
    assert authorizer["JwtConfiguration"] == {"Issuer": TOKENS["JwtIssuer"], "Audience": ["app", "site"]}
    assert authorizer["IdentitySource"] == ["$request.header.Authorization"]
    for route in routes(stack).values():
        assert (route["AuthorizationType"], route["AuthorizerId"]) == ("JWT", {"Ref": name})


@pytest.mark.parametrize("values", [{}, {"ColdStartStrategy": "managed-instances"}], ids=str)
def test_every_route_reaches_the_alias_with_payload_2(values: Values) -> None:
    stack = deployed(values)
    (alias,) = stack.of_type("AWS::Lambda::Alias")
    ((name, integration),) = stack.of_type("AWS::ApiGatewayV2::Integration").items()

    assert integration["IntegrationUri"] == {"Ref": alias}
    assert integration["PayloadFormatVersion"] == "2.0"
    assert all(route["Target"] == {"Fn::Sub": f"integrations/${{{name}}}"} for route in routes(stack).values())


def test_only_this_api_may_invoke_the_alias(stack: Stack) -> None:
    (alias,) = stack.of_type("AWS::Lambda::Alias")
    (permission,) = [
        permission
        for permission in stack.of_type("AWS::Lambda::Permission").values()
        if permission["Principal"] == "apigateway.amazonaws.com"
    ]

    assert permission["FunctionName"] == {"Ref": alias}
    assert permission["SourceArn"]["Fn::Sub"].endswith(":${HttpApi}/*")


def test_the_access_log_holds_no_id_of_a_person_or_session(stack: Stack) -> None:
    logged = stack.only("AWS::ApiGatewayV2::Stage")["AccessLogSettings"]["Format"]

    assert set(re.findall(r"\$context\.([\w.]+)", logged)) == LOGGED
    assert re.findall(r"\$(?!context\.)\w+", logged) == []
    assert json.loads(logged.replace("$context.error.messageString", '"x"'))


def test_requests_are_throttled_as_the_parameters_say() -> None:
    stage = deployed({"ThrottlingRate": 50, "ThrottlingBurst": 90}).only("AWS::ApiGatewayV2::Stage")
    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": "50", "ThrottlingBurstLimit": "90"}
    assert "RouteSettings" not in stage


def test_cors_admits_only_the_listed_origins(stack: Stack) -> None:
    admitting = deployed({"CorsOrigins": "https://a.example,https://b.example"})

    cors = admitting.only("AWS::ApiGatewayV2::Api")["CorsConfiguration"]

    assert "CorsConfiguration" not in stack.only("AWS::ApiGatewayV2::Api")
    assert cors["AllowOrigins"] == ["https://a.example", "https://b.example"]
    assert "AllowCredentials" not in cors
    assert {key.partition(" ")[0] for key in ROUTES - {"$default"}} == set(cors["AllowMethods"])
    assert cors["AllowMethods"] == list(ALLOW_METHODS), "devstack allows other methods"
    assert cors["AllowHeaders"] == list(ALLOW_HEADERS), "devstack allows other headers"
    assert cors["MaxAge"] == MAX_AGE_SECONDS, "devstack allows another age"
    unsigned = {key for key, route in routes(admitting).items() if route["AuthorizationType"] == "NONE"}
    assert unsigned == {"OPTIONS /{proxy+}"}


def test_a_custom_domain_disables_the_default_endpoint(stack: Stack) -> None:
    certificate = "arn:aws:acm:eu-central-1:123456789012:certificate/0"
    named = deployed({"DomainName": "api.example.com", "CertificateArn": certificate})
    domain = named.only("AWS::ApiGatewayV2::DomainName")

    assert named.only("AWS::ApiGatewayV2::Api")["DisableExecuteApiEndpoint"] is True
    assert stack.only("AWS::ApiGatewayV2::Api")["DisableExecuteApiEndpoint"] is False
    assert [configuration["CertificateArn"] for configuration in domain["DomainNameConfigurations"]] == [certificate]
    assert named.only("AWS::ApiGatewayV2::ApiMapping")["DomainName"] == {"Ref": "HttpApiDomain"}
    assert named.outputs["ApiUrl"]["Value"] == "https://api.example.com"

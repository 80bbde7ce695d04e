"""The HTTP API: which routes exist, who may call them, what they reach."""

import json
import re
from typing import Any

import pytest

import lambda_events
from tests.template.stack import Stack, Values, deployed

ROUTES = {*lambda_events.ROUTES, "$default"}
"""What the handler answers."""
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
"""Variables of the access log: none can hold a session's id, an address or a token's subject."""


def routes(stack: Stack) -> dict[str, dict[str, Any]]:
    return {route["RouteKey"]: route for route in stack.of_type("AWS::ApiGatewayV2::Route").values()}


def test_every_route_of_the_service_exists_and_no_other(stack: Stack) -> None:
    # GIVEN the stack WHEN its routes are listed THEN they are those that the handler answers
    assert set(routes(stack)) == ROUTES


def test_every_route_demands_a_signed_request(stack: Stack) -> None:
    # GIVEN the defaults WHEN each route's authorisation is read THEN it is SigV4, and there is no authorizer
    assert {key: route["AuthorizationType"] for key, route in routes(stack).items()} == dict.fromkeys(ROUTES, "AWS_IAM")
    assert stack.of_type("AWS::ApiGatewayV2::Authorizer") == {}


def test_with_an_issuer_every_route_demands_its_token() -> None:
    # GIVEN an issuer and two audiences
    stack = deployed(TOKENS)
    ((name, authorizer),) = stack.of_type("AWS::ApiGatewayV2::Authorizer").items()

    # WHEN authorizer and routes are read THEN the token is checked for both, on every route
    assert authorizer["AuthorizerType"] == "JWT"
    assert authorizer["JwtConfiguration"] == {"Issuer": TOKENS["JwtIssuer"], "Audience": ["app", "site"]}
    assert authorizer["IdentitySource"] == ["$request.header.Authorization"]
    for route in routes(stack).values():
        assert (route["AuthorizationType"], route["AuthorizerId"]) == ("JWT", {"Ref": name})


@pytest.mark.parametrize("values", [{}, {"ColdStartStrategy": "managed-instances"}], ids=str)
def test_every_route_reaches_the_alias_with_payload_2(values: Values) -> None:
    # GIVEN the one alias and the one integration
    stack = deployed(values)
    (alias,) = stack.of_type("AWS::Lambda::Alias")
    ((name, integration),) = stack.of_type("AWS::ApiGatewayV2::Integration").items()

    # WHEN read THEN every route invokes the alias, not the unpublished function
    assert integration["IntegrationUri"] == {"Ref": alias}
    assert integration["PayloadFormatVersion"] == "2.0"
    assert all(route["Target"] == {"Fn::Sub": f"integrations/${{{name}}}"} for route in routes(stack).values())


def test_this_api_alone_may_invoke_the_alias(stack: Stack) -> None:
    # GIVEN what API Gateway may invoke
    (alias,) = stack.of_type("AWS::Lambda::Alias")
    (permission,) = [
        one
        for one in stack.of_type("AWS::Lambda::Permission").values()
        if one["Principal"] == "apigateway.amazonaws.com"
    ]

    # WHEN read THEN it is the alias, for requests of this API
    assert permission["FunctionName"] == {"Ref": alias}
    assert permission["SourceArn"]["Fn::Sub"].endswith(":${HttpApi}/*")


def test_no_access_log_field_can_hold_an_id_of_a_person_or_session(stack: Stack) -> None:
    # GIVEN the stage's access log format, with something in place of each variable
    logged = stack.only("AWS::ApiGatewayV2::Stage")["AccessLogSettings"]["Format"]

    # WHEN its variables are listed THEN they are the harmless ones, and a line is JSON
    assert set(re.findall(r"\$context\.([\w.]+)", logged)) == LOGGED
    assert re.findall(r"\$(?!context\.)\w+", logged) == []
    assert json.loads(logged.replace("$context.error.messageString", '"x"'))


def test_requests_are_throttled_as_the_parameters_say() -> None:
    # GIVEN limits of one's own WHEN the stage is read THEN they are its default for every route
    stage = deployed({"ThrottlingRate": 50, "ThrottlingBurst": 90}).only("AWS::ApiGatewayV2::Stage")
    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": "50", "ThrottlingBurstLimit": "90"}
    assert "RouteSettings" not in stage


def test_browsers_are_admitted_from_named_origins_alone(stack: Stack) -> None:
    # GIVEN no origins, and two
    admitting = deployed({"CorsOrigins": "https://a.example,https://b.example"})

    # WHEN both APIs are read
    cors = admitting.only("AWS::ApiGatewayV2::Api")["CorsConfiguration"]

    # THEN without there is no CORS; with them the question before a request needs no credentials, all else does
    assert "CorsConfiguration" not in stack.only("AWS::ApiGatewayV2::Api")
    assert cors["AllowOrigins"] == ["https://a.example", "https://b.example"]
    assert "AllowCredentials" not in cors
    assert {key.partition(" ")[0] for key in ROUTES - {"$default"}} == set(cors["AllowMethods"])
    unsigned = {key for key, route in routes(admitting).items() if route["AuthorizationType"] == "NONE"}
    assert unsigned == {"OPTIONS /{proxy+}"}


def test_a_domain_of_ones_own_is_the_only_way_in(stack: Stack) -> None:
    # GIVEN a domain WHEN API, mapping and outputs are read
    certificate = "arn:aws:acm:eu-central-1:123456789012:certificate/0"
    named = deployed({"DomainName": "api.example.com", "CertificateArn": certificate})
    domain = named.only("AWS::ApiGatewayV2::DomainName")

    # THEN the API answers there, with that certificate, and no longer under AWS's name
    assert named.only("AWS::ApiGatewayV2::Api")["DisableExecuteApiEndpoint"] is True
    assert stack.only("AWS::ApiGatewayV2::Api")["DisableExecuteApiEndpoint"] is False
    assert [one["CertificateArn"] for one in domain["DomainNameConfigurations"]] == [certificate]
    assert named.only("AWS::ApiGatewayV2::ApiMapping")["DomainName"] == {"Ref": "HttpApiDomain"}
    assert named.outputs["ApiUrl"]["Value"] == "https://api.example.com"

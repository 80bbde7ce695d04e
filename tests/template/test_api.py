"""The HTTP API: which routes exist, who may call them, what they reach."""

from typing import Any

import calls
from tests.template.stack import Stack

ROUTES = {*calls.ROUTES, "$default"}
"""What the handler answers."""


def routes(stack: Stack) -> dict[str, dict[str, Any]]:
    paths = stack.only("AWS::ApiGatewayV2::Api")["Body"]["paths"]
    found = {}
    for path, methods in paths.items():
        for method, route in methods.items():
            is_default = route.get("isDefaultRoute", False)
            found["$default" if is_default else f"{method.upper()} {path}"] = route
    return found


def test_every_route_of_the_service_exists_and_no_other(stack: Stack) -> None:
    # GIVEN the transformed stack WHEN its routes are listed
    found = routes(stack)

    # THEN they are those that the handler answers
    assert set(found) == ROUTES


def test_every_route_demands_a_signed_request(stack: Stack) -> None:
    # GIVEN the API's security schemes
    schemes = stack.only("AWS::ApiGatewayV2::Api")["Body"]["components"]["securitySchemes"]

    # WHEN each route's security is read
    demanded = {key: route.get("security") for key, route in routes(stack).items()}

    # THEN each asks for SigV4, the default route too
    assert schemes["AWS_IAM"]["x-amazon-apigateway-authtype"] == "awsSigv4"
    assert demanded == {key: [{"AWS_IAM": []}] for key in ROUTES}


def test_every_route_reaches_the_alias_with_payload_2(stack: Stack) -> None:
    # GIVEN the one alias
    (alias,) = stack.of_type("AWS::Lambda::Alias")

    for key, route in routes(stack).items():
        # WHEN a route's integration is read
        integration = route["x-amazon-apigateway-integration"]

        # THEN it invokes the alias, not the unpublished function
        assert integration["payloadFormatVersion"] == "2.0", key
        assert f"${{{alias}}}/invocations" in integration["uri"]["Fn::Sub"], key


def test_the_api_may_invoke_the_alias_for_every_route(stack: Stack) -> None:
    # GIVEN the permissions that API Gateway has
    (alias,) = stack.of_type("AWS::Lambda::Alias")
    permissions = stack.of_type("AWS::Lambda::Permission").values()

    # WHEN their targets are read THEN there is one for each route, all on the alias
    assert len(permissions) == len(ROUTES)
    assert all(permission["FunctionName"] == {"Ref": alias} for permission in permissions)
    assert {permission["Principal"] for permission in permissions} == {"apigateway.amazonaws.com"}


def test_no_access_log_field_can_hold_a_session_id(stack: Stack) -> None:
    # GIVEN the stage's access log format
    logged = stack.only("AWS::ApiGatewayV2::Stage")["AccessLogSettings"]["Format"]

    # WHEN it is searched THEN neither path nor query is in it: paths hold session ids
    assert "$context.routeKey" in logged
    assert "$context.path" not in logged
    assert "$context.http" not in logged
    assert "$request" not in logged

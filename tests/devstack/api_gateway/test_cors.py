"""Where origins are allowed, the gateway answers preflight requests and marks responses."""

from collections.abc import Callable
from typing import Any

import pytest

from devstack.api_gateway.cors import ALLOW_HEADERS, Cors
from devstack.api_gateway.jwt_authorizer import JwtAuthorizer
from tests.devstack.api_gateway.test_gateway import Client
from tests.devstack.conftest import Toy

ORIGIN = "https://shop.example"
ASKS = {"Access-Control-Request-Method": "POST"}


@pytest.fixture
def toy(serve: Callable[..., Toy]) -> Toy:
    return serve(cors=Cors(("https://other.example", ORIGIN)), jwt=JwtAuthorizer("https://login.example/", ("app",)))


@pytest.fixture
def client(toy: Toy) -> Client:
    return Client(toy.served.url)


def cors_headers(headers: list[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers if name.lower().startswith("access-control-")}


def test_a_preflight_request_needs_no_token_and_no_function(toy: Toy, client: Client) -> None:
    reply = client.send("OPTIONS", "/v1/recommendations", headers=ASKS | {"Origin": ORIGIN})

    assert (reply.status, reply.body) == (204, b"")
    assert cors_headers(reply.headers) == {
        "access-control-allow-origin": ORIGIN,
        "access-control-allow-methods": "GET,POST,DELETE",
        "access-control-allow-headers": ",".join(ALLOW_HEADERS),
        "access-control-max-age": "3600",
    }
    assert toy.served.cold_starts == ()


def test_another_origin_is_not_allowed(client: Client) -> None:
    reply = client.send("OPTIONS", "/v1/recommendations", headers=ASKS | {"Origin": ORIGIN + ".evil"})
    assert (reply.status, cors_headers(reply.headers)) == (204, {})


@pytest.mark.parametrize("headers", [{}, {"Origin": ORIGIN}, ASKS])
def test_other_options_requests_reach_the_function_without_a_token(client: Client, headers: dict[str, str]) -> None:
    event = client.send("OPTIONS", "/v1/health", headers=headers).json()
    assert (event["routeKey"], event["pathParameters"]) == ("OPTIONS /{proxy+}", {"proxy": "v1/health"})
    assert "authorizer" not in event["requestContext"]


@pytest.mark.parametrize(("origin", "allowed"), [(ORIGIN, {"access-control-allow-origin": ORIGIN}), ("null", {})])
def test_the_functions_own_cors_headers_are_replaced(
    serve: Callable[..., Toy], origin: str, allowed: dict[str, str]
) -> None:
    client = Client(serve(cors=Cors((ORIGIN,))).served.url)
    own: Any = {"Access-Control-Allow-Origin": "*", "access-control-allow-credentials": "true", "x-tea": "green"}
    body = b'{"statusCode": 200, "headers": %s}' % str(own).replace("'", '"').encode()

    reply = client.send("POST", "/v1/recommendations", body, {"content-type": "application/json", "Origin": origin})

    assert (reply.header("x-tea"), cors_headers(reply.headers)) == (["green"], allowed)


def test_without_cors_an_options_request_takes_the_default_route(serve: Callable[..., Toy]) -> None:
    client = Client(serve().served.url)
    assert client.send("OPTIONS", "/v1/health", headers=ASKS | {"Origin": ORIGIN}).json()["routeKey"] == "$default"

"""The JWT authorizer passes a token's claims to the function, and refuses requests without a token."""

import base64
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.api_gateway.http_event import HttpRequest, to_event
from devstack.api_gateway.jwt_claims import parse_claims
from tests.devstack.api_gateway.test_gateway import Client
from tests.devstack.conftest import Toy


def token(claims: object) -> str:
    parts = ({"alg": "none"}, claims)
    return ".".join([base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts] + [""])


def test_claims_are_text_as_in_a_recorded_event() -> None:
    claims = {"sub": "auth0|5fe4", "exp": 1612061676, "email_verified": True, "groups": ["a", "b"], "scope": "get put"}
    assert parse_claims(f"Bearer {token(claims)}") == {
        "sub": "auth0|5fe4",
        "exp": "1612061676",
        "email_verified": "true",
        "groups": "[a b]",
        "scope": "get put",
    }


def test_the_event_contains_the_claims() -> None:
    request = HttpRequest("GET", "/v1/health", (), b"", "192.0.2.7")
    with_token = json.loads(to_event(request, {"sub": "alice"}))["requestContext"]
    assert with_token["authorizer"] == {"jwt": {"claims": {"sub": "alice"}, "scopes": None}}
    assert "authorizer" not in json.loads(to_event(request))["requestContext"]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer a.b", "Bearer a.b.c", "Basic YTpi", f"Bearer {token([1])}"])
def test_an_invalid_token_has_no_claims(header: str) -> None:
    assert parse_claims(header) is None


@given(st.text())
def test_any_header_is_parsed(header: str) -> None:
    assert parse_claims(header) is None or isinstance(parse_claims(header), dict)


def test_the_function_is_called_only_with_a_token(serve: Callable[..., Toy]) -> None:
    toy = serve(jwt_authorizer=True)
    client = Client(toy.served.url)

    refused = client.send("GET", "/v1/health")
    assert (refused.status, refused.json()) == (401, {"message": "Unauthorized"})
    assert toy.served.cold_starts == ()

    answer = client.send("GET", "/v1/health", headers={"Authorization": f"Bearer {token({'sub': 'alice'})}"})
    assert answer.json()["requestContext"]["authorizer"]["jwt"]["claims"] == {"sub": "alice"}

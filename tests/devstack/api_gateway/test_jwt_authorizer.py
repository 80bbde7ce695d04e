"""The JWT authorizer passes a valid token's claims to the function and refuses all other requests."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from devstack.api_gateway.jwt_authorizer import JwtAuthorizer
from tests.devstack.api_gateway.test_gateway import Client
from tests.devstack.conftest import Toy

ISSUER = "https://login.example.com/"
AUTHORIZER = JwtAuthorizer(ISSUER, ("app", "site"))
OTHER = JwtAuthorizer(ISSUER, ("app",))
VALID = {"iss": ISSUER, "aud": "app", "exp": time.time() + 10 * 86_400}
KEY = AUTHORIZER._key


def unsigned(claims: dict[str, Any], algorithm: str = "none", signature: str = "") -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": algorithm, "kid": "devstack"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), signature])


def signed(key: Any, algorithm: str = "RS256", kid: str | None = "devstack") -> str:
    header = {"alg": algorithm} if kid is None else {"alg": algorithm, "kid": kid}
    return jwt.encode(header, VALID, key, algorithms=[algorithm])


def test_claims_are_text_as_in_a_recorded_event() -> None:
    token = AUTHORIZER.token(sub="auth0|5fe4", iat=1612061676, email_verified=True, groups=["a", "b"], scope="get put")
    claims = AUTHORIZER.authorize(f"Bearer {token}")
    assert claims is not None
    del claims["exp"]
    assert claims == {
        "iss": ISSUER,
        "aud": "app",
        "sub": "auth0|5fe4",
        "iat": "1612061676",
        "email_verified": "true",
        "groups": "[a b]",
        "scope": "get put",
    }


@pytest.mark.parametrize("claims", [{}, {"aud": "site"}, {"aud": ["x", "app"]}, {"nbf": 1}], ids=str)
def test_a_valid_token_is_accepted_with_and_without_its_prefix(claims: dict[str, Any]) -> None:
    token = AUTHORIZER.token(**claims)
    assert AUTHORIZER.authorize(token)
    assert AUTHORIZER.authorize(f"Bearer {token}") == AUTHORIZER.authorize(token)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://login.example.com"},
        {"aud": "other"},
        {"aud": []},
        {"aud": "other", "client_id": "app"},
        {"exp": 0},
        {"exp": "9999999999"},
        {"exp": None},
        {"nbf": 1e12},
        {"iat": 1e12},
    ],
    ids=str,
)
def test_a_token_with_wrong_claims_is_refused(claims: dict[str, Any]) -> None:
    assert AUTHORIZER.authorize(AUTHORIZER.token(**claims)) is None


def test_a_client_id_counts_where_the_token_has_no_audience() -> None:
    claims = {"iss": ISSUER, "exp": VALID["exp"], "client_id": "app"}
    token = jwt.encode({"alg": "RS256", "kid": "devstack"}, claims, KEY)
    assert AUTHORIZER.authorize(token)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="none"),
        pytest.param("Bearer", id="no token"),
        pytest.param("a.b", id="two parts"),
        pytest.param("a.b.c", id="no JSON"),
        pytest.param("Basic YTpi", id="another scheme"),
        pytest.param(unsigned(VALID), id="unsigned"),
        pytest.param(unsigned(VALID, "RS256"), id="no signature"),
        pytest.param(unsigned(VALID, "RS256", "AAAA"), id="wrong signature"),
        pytest.param(OTHER.token(), id="another key"),
        pytest.param(signed(OctKey.generate_key(256), "HS256"), id="a shared secret"),
        pytest.param(signed(RSAKey.generate_key(2048)), id="a key that names itself devstack"),
        pytest.param(signed(KEY, kid="other"), id="another key id"),
        pytest.param(signed(KEY, kid=None), id="no key id"),
    ],
)
def test_a_token_that_the_key_did_not_sign_is_refused(token: str) -> None:
    assert AUTHORIZER.authorize(token) is None
    assert AUTHORIZER.authorize(f"Bearer {token}") is None


@given(st.text())
def test_any_header_is_read(header: str) -> None:
    assert AUTHORIZER.authorize(header) is None


def test_the_function_is_called_only_with_a_token(serve: Callable[..., Toy]) -> None:
    toy = serve(jwt=AUTHORIZER)
    client = Client(toy.served.url)

    refused = client.send("GET", "/v1/health")
    assert (refused.status, refused.json()) == (401, {"message": "Unauthorized"})
    assert refused.header("www-authenticate") == ["Bearer"]
    assert toy.served.cold_starts == ()

    answer = client.send("GET", "/v1/health", headers={"Authorization": f"Bearer {AUTHORIZER.token(sub='alice')}"})
    authorizer = answer.json()["requestContext"]["authorizer"]
    assert (authorizer["jwt"]["claims"]["sub"], authorizer["jwt"]["scopes"]) == ("alice", None)

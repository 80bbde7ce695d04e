"""Signatures equal those of botocore."""

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from nextitem.aws.sigv4 import Scope, authorization
from tests.nextitem.parts import STEADY

REGION, SERVICE = "eu-central-1", "secretsmanager"


def sign_with_botocore(body: bytes, headers: dict[str, str], token: str | None) -> tuple[dict[str, str], str]:
    """Return the headers that botocore signs, and its Authorization header."""
    request = AWSRequest("POST", f"https://{headers['host']}/", headers, body)
    SigV4Auth(Credentials("AKID", "a secret", token), SERVICE, REGION).add_auth(request)
    authorized = dict(request.headers.items())
    authorization_header = authorized.pop("Authorization")
    return {name.lower(): value for name, value in authorized.items()}, authorization_header


@STEADY
@given(st.binary(max_size=200), st.sampled_from([None, "a session token/+=="]))
def test_the_signature_equals_botocores(body: bytes, token: str | None) -> None:
    headers = {"host": f"{SERVICE}.{REGION}.amazonaws.com", "x-amz-target": "secretsmanager.GetSecretValue"}
    signed, expected = sign_with_botocore(body, headers, token)
    at = datetime.strptime(signed["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert authorization("AKID", "a secret", Scope(at, REGION, SERVICE), signed, body) == expected


@pytest.mark.parametrize("part", ["body", "secret", "header", "region", "second"])
def test_the_signature_depends_on_each_part(part: str) -> None:
    def signed(changed: str = "") -> str:
        at = datetime(2026, 1, 20, 9, 20, changed == "second", tzinfo=UTC)
        scope = Scope(at, "us-east-1" if changed == "region" else REGION, SERVICE)
        headers = {"host": "other" if changed == "header" else "one", "x-amz-date": scope.timestamp}
        secret, body = f"a secret{changed == 'secret'}", b"1" if changed == "body" else b""
        return authorization("AKID", secret, scope, headers, body).rpartition("Signature=")[2]

    assert signed(part) != signed()
    assert signed() == signed()

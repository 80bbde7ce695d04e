"""Signatures are those that botocore makes of the same requests."""

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


def botocore_s(body: bytes, headers: dict[str, str], token: str | None) -> tuple[dict[str, str], str]:
    """The headers that botocore signs of a request, and its Authorization."""
    request = AWSRequest("POST", f"https://{headers['host']}/", headers, body)
    SigV4Auth(Credentials("AKID", "a secret", token), SERVICE, REGION).add_auth(request)
    authorized = dict(request.headers.items())
    found = authorized.pop("Authorization")
    return {name.lower(): value for name, value in authorized.items()}, found


@STEADY
@given(st.binary(max_size=200), st.sampled_from([None, "a session token/+=="]))
def test_the_signature_is_botocore_s(body: bytes, token: str | None) -> None:
    # GIVEN a request that botocore has signed WHEN it is signed here, at the same moment THEN the same comes out
    headers = {"host": f"{SERVICE}.{REGION}.amazonaws.com", "x-amz-target": "secretsmanager.GetSecretValue"}
    signed, expected = botocore_s(body, headers, token)
    at = datetime.strptime(signed["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert authorization("AKID", "a secret", Scope(at, REGION, SERVICE), signed, body) == expected


@pytest.mark.parametrize("what", ["body", "secret", "header", "region", "second"])
def test_whatever_is_signed_changes_the_signature(what: str) -> None:
    def signed(changed: str = "") -> str:
        at = datetime(2026, 1, 20, 9, 20, changed == "second", tzinfo=UTC)
        scope = Scope(at, "us-east-1" if changed == "region" else REGION, SERVICE)
        headers = {"host": "other" if changed == "header" else "one", "x-amz-date": scope.timestamp}
        found = authorization(
            "AKID", f"a secret{changed == 'secret'}", scope, headers, b"1" if changed == "body" else b""
        )
        return found.rpartition("Signature=")[2]

    assert signed(what) != signed()
    assert signed() == signed()

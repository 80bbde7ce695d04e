"""The client's signatures are accepted, and refused once any part of the request is another."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from botocore.credentials import Credentials as SigningCredentials

from devstack.cloud.account import Account
from devstack.cloud.iam.authority import Authority, Credentials
from devstack.cloud.iam.signatures import SignatureRefused, verify
from nextitem_client import Event, SigV4
from tests.clients.conftest import Run
from tests.clients.scripted_server import ANSWER
from tests.devstack.cloud.iam.recorder import Recorder

REGION, SERVICE = "eu-central-1", "execute-api"
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("append_events", ("a b~ü+(1)'*", [Event("tea-001")]), {"limit": 3}),
    ("get_recommendations", ("me",), {"exclude_seen": True, "only": ["a,b", "c d+e", "ü~*"], "exclude": ["a&b=c"]}),
    ("recommend", (["tea-001"],), {}),
]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(Account())


@pytest.fixture(scope="module")
def credentials(authority: Authority) -> Credentials:
    return authority.assume_with_policy_arns("shop", [])


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder(msgspec.json.encode(ANSWER)) as recorder:
        yield recorder


@pytest.mark.parametrize(("method", "arguments", "options"), CALLS, ids=[call[0] for call in CALLS])
def test_a_signed_request_is_accepted(
    run: Run,
    recorder: Recorder,
    authority: Authority,
    credentials: Credentials,
    method: str,
    arguments: Any,
    options: Any,
) -> None:
    # GIVEN temporary credentials of a role
    keys = SigningCredentials(credentials.access_key_id, credentials.secret_access_key, credentials.session_token)
    # WHEN a request is signed with them
    run(recorder.endpoint, method, *arguments, auth=SigV4(REGION, lambda: keys), **options)
    # THEN it is the role's
    (request,) = recorder.requests
    now = datetime.now(UTC)
    assert verify(request, authority, SERVICE, REGION, now).arn.endswith("assumed-role/shop/shop")
    # THEN no part of it may be another
    for other in (
        replace(request, path=f"{request.path}x"),
        replace(request, query=f"{request.query}&x=1"),
        replace(request, body=request.body + b" "),
    ):
        with pytest.raises(SignatureRefused, match=r"^InvalidSignatureException: "):
            verify(other, authority, SERVICE, REGION, now)


def test_credentials_come_from_where_boto3_looks(
    recorder: Recorder, run: Run, authority: Authority, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", credentials.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", credentials.session_token)
    run(recorder.endpoint, "recommend", ["tea-001"], auth=SigV4(REGION))
    assert verify(recorder.requests[0], authority, SERVICE, REGION, datetime.now(UTC)).arn.endswith("shop/shop")


def test_missing_credentials_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(ValueError, match="There are no AWS credentials"):
        SigV4(REGION)

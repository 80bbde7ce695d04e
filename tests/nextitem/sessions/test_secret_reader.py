"""Reading the key secret from Secrets Manager (from the server of moto, or a fake), and each failure of that."""

import json
from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from devstack.processes.children import LOOPBACK, free_port
from nextitem.errors import SecretUnavailable
from nextitem.sessions import secret_reader
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.secret_reader import SecretReader
from tests.nextitem.aws.credentials_provider import CredentialsProvider
from tests.nextitem.parts import CREDENTIALS, REGION
from tests.nextitem.sessions.fake_secrets_manager import FakeSecretsManager

HUSH = "hush-hush-hush-hush"
"""A secret that no error may quote."""
KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": HUSH}


def reader(endpoint: str, secret_id: str = "key-secret") -> SecretReader:  # noqa: S107 - its name
    return SecretReader(secret_id, region=REGION, endpoint=endpoint, environment=KEYS)


def error_of(read: SecretReader) -> str:
    """Return the error of a failed read, which must not quote the secret."""
    with pytest.raises(SecretUnavailable) as caught:
        read()
    assert HUSH[:9] not in f"{caught.value!s} {caught.value.__cause__!s}"
    return str(caught.value)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """Moto's endpoint, with a secret `key-secret`."""
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client("secretsmanager", region_name=REGION, endpoint_url=endpoint, **CREDENTIALS)
    value = {"current": HUSH, "previous": "the one before it", "rotated_at": 1_795_000_000.5}
    client.create_secret(Name="key-secret", SecretString=json.dumps(value))
    client.create_secret(Name="binary", SecretBinary=HUSH.encode())
    client.close()
    yield endpoint
    server.stop()


@pytest.fixture
def server() -> Iterator[FakeSecretsManager]:
    with FakeSecretsManager() as server:
        yield server


def test_a_secret_is_read(moto: str) -> None:
    assert reader(moto)() == KeySecret(HUSH.encode(), b"the one before it", 1_795_000_000.5)


def test_a_missing_secret_is_unavailable(moto: str) -> None:
    assert error_of(reader(moto, "no-such-secret")).endswith("Secrets Manager says ResourceNotFoundException")


def test_a_binary_secret_is_invalid(moto: str) -> None:
    assert error_of(reader(moto, "binary")) == "the key secret is invalid: KeyError"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ({"current": HUSH}, KeySecret(HUSH.encode())),
        ({"current": HUSH, "previous": None, "rotated_at": None}, KeySecret(HUSH.encode())),
        ({"current": HUSH, "rotated_at": 12.5, "more": [1]}, KeySecret(HUSH.encode(), None, 12.5)),
    ],
)
def test_previous_and_rotated_at_are_optional(server: FakeSecretsManager, text: object, expected: KeySecret) -> None:
    server.put_secret(json.dumps(text))
    assert reader(server.endpoint)() == expected


@pytest.mark.parametrize(
    "text",
    [
        HUSH,
        f'"{HUSH}"',
        json.dumps([HUSH]),
        json.dumps({"previous": HUSH}),
        json.dumps({"current": HUSH[:15]}),
        json.dumps({"current": HUSH, "previous": HUSH[:15]}),
        json.dumps({"current": HUSH, "rotated_at": HUSH}),
        json.dumps({"current": HUSH, "rotated_at": "12.5"}),
        json.dumps({"current": HUSH, "rotated_at": True}),
        json.dumps({"current": HUSH, "previous": [HUSH] * 16}),
        json.dumps({"current": HUSH, "previous": " " * 16}),
        json.dumps({"current": None, "previous": HUSH}),
        json.dumps({"current": HUSH, "rotated_at": float("nan")}),
        json.dumps({"current": HUSH, "rotated_at": 10**400}),
        json.dumps({"current": [HUSH] * 16}),
        json.dumps({"current": f"{HUSH}\ud800"}),
        json.dumps({"current": 7}),
        "[" * 100_000 + HUSH,
        "",
    ],
    ids=range(19),
)
def test_an_invalid_secret_is_refused_and_not_quoted(server: FakeSecretsManager, text: str) -> None:
    server.put_secret(text)
    assert error_of(reader(server.endpoint)).startswith("the key secret is invalid: ")


@pytest.mark.parametrize("body", [b"", b"null", HUSH.encode(), b"\xff" + HUSH.encode(), b'{"SecretString": 7}'])
def test_an_invalid_answer_is_refused_and_not_quoted(server: FakeSecretsManager, body: bytes) -> None:
    server.body = body
    assert error_of(reader(server.endpoint)).startswith("the key secret is invalid: ")


@pytest.mark.parametrize("name", ["SecretString", "__type"])
def test_of_an_error_answer_only_the_status_is_reported(server: FakeSecretsManager, name: str) -> None:
    server.body = json.dumps({name: f"the secret is {HUSH}"}).encode()
    server.status = 403
    assert error_of(reader(server.endpoint)) == "the key secret cannot be read: Secrets Manager says status 403"


def test_a_closed_port_is_reported() -> None:
    assert "refused" in error_of(reader(f"http://{LOOPBACK}:{free_port()}"))


def test_a_timeout_is_reported(server: FakeSecretsManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_reader, "TIMEOUT_SECONDS", 0.05)
    server.may_answer.clear()
    assert "timed out" in error_of(reader(server.endpoint))


def test_an_endpoint_without_tls_is_reported(server: FakeSecretsManager) -> None:
    assert error_of(reader(server.endpoint.replace("http:", "https:"))).startswith("the key secret cannot be read: ")


def test_without_credentials_no_request_is_sent(server: FakeSecretsManager) -> None:
    with CredentialsProvider() as provider:
        provider.status = 500
        environment = provider.environment
        read = SecretReader("any", region=REGION, endpoint=server.endpoint, environment=environment)
        assert "credentials provider" in error_of(read)
    assert server.headers == {}


def test_the_session_token_is_sent_and_signed(server: FakeSecretsManager) -> None:
    server.put_secret(json.dumps({"current": HUSH}))
    with CredentialsProvider() as provider:
        environment = provider.environment
        SecretReader("any", region=REGION, endpoint=server.endpoint, environment=environment)()
    assert server.headers["x-amz-security-token"] == "session 1"
    signed = server.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    assert signed == "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
    assert f"/{REGION}/secretsmanager/aws4_request" in server.headers["authorization"]


def test_a_token_that_is_no_header_is_reported_and_not_quoted() -> None:
    keys = KEYS | {"AWS_SESSION_TOKEN": f"{HUSH}\n"}
    read = SecretReader("key-secret", region=REGION, endpoint="http://127.0.0.1:1", environment=keys)
    assert "headers" in error_of(read)

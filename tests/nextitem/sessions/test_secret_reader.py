"""The key secret as Secrets Manager has it (moto's server), and all that may be wrong with it or its keeper."""

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
from tests.nextitem.sessions.secrets_keeper import SecretsKeeper

HUSH = "hush-hush-hush-hush"
"""What no message may quote."""
KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": HUSH}


def reader(endpoint: str, secret_id: str = "key-secret") -> SecretReader:  # noqa: S107 - its name
    return SecretReader(secret_id, region=REGION, endpoint=endpoint, environment=KEYS)


def fault_of(read: SecretReader) -> str:
    """What is said of a secret that cannot be had; never anything of it."""
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
def keeper() -> Iterator[SecretsKeeper]:
    with SecretsKeeper() as keeper:
        yield keeper


def test_a_secret_is_read(moto: str) -> None:
    assert reader(moto)() == KeySecret(HUSH.encode(), b"the one before it", 1_795_000_000.5)


def test_a_secret_that_is_not_there_says_so(moto: str) -> None:
    assert fault_of(reader(moto, "no-such-secret")).endswith("Secrets Manager says ResourceNotFoundException")


def test_a_secret_of_bytes_is_none(moto: str) -> None:
    assert fault_of(reader(moto, "binary")) == "the key secret is invalid: KeyError"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ({"current": HUSH}, KeySecret(HUSH.encode())),
        ({"current": HUSH, "previous": None, "rotated_at": None}, KeySecret(HUSH.encode())),
        ({"current": HUSH, "rotated_at": "12.5", "more": [1]}, KeySecret(HUSH.encode(), None, 12.5)),
    ],
)
def test_what_may_be_left_out_may_be(keeper: SecretsKeeper, text: object, expected: KeySecret) -> None:
    keeper.has(json.dumps(text))
    assert reader(keeper.endpoint)() == expected


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
        json.dumps({"current": HUSH, "rotated_at": float("nan")}),
        json.dumps({"current": HUSH, "rotated_at": 10**400}),
        json.dumps({"current": [HUSH] * 16}),
        json.dumps({"current": f"{HUSH}\ud800"}),
        json.dumps({"current": 7}),
        "[" * 100_000 + HUSH,
        "",
    ],
    ids=range(14),
)
def test_a_secret_that_makes_no_sense_is_refused_and_never_quoted(keeper: SecretsKeeper, text: str) -> None:
    keeper.has(text)
    assert fault_of(reader(keeper.endpoint)).startswith("the key secret is invalid: ")


@pytest.mark.parametrize("body", [b"", b"null", HUSH.encode(), b"\xff" + HUSH.encode(), b'{"SecretString": 7}'])
def test_an_answer_that_makes_no_sense_is_refused_and_never_quoted(keeper: SecretsKeeper, body: bytes) -> None:
    keeper.body = body
    assert fault_of(reader(keeper.endpoint)).startswith("the key secret is invalid: ")


def test_a_refusal_is_told_and_its_text_is_not(keeper: SecretsKeeper) -> None:
    keeper.has(json.dumps({"current": HUSH}))
    keeper.status = 403
    assert fault_of(reader(keeper.endpoint)) == "the key secret cannot be read: Secrets Manager says status 403"


def test_an_endpoint_that_is_not_there_says_so() -> None:
    assert "refused" in fault_of(reader(f"http://{LOOPBACK}:{free_port()}"))


def test_an_endpoint_that_hangs_says_so(keeper: SecretsKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_reader, "TIMEOUT_SECONDS", 0.05)
    keeper.answers.clear()
    assert "timed out" in fault_of(reader(keeper.endpoint))


def test_an_endpoint_of_another_protocol_says_so(keeper: SecretsKeeper) -> None:
    assert fault_of(reader(keeper.endpoint.replace("http:", "https:"))).startswith("the key secret cannot be read: ")


def test_without_credentials_nothing_is_asked(keeper: SecretsKeeper) -> None:
    # GIVEN credentials of a provider that refuses them
    with CredentialsProvider() as provider:
        provider.status = 500
        environment = provider.environment
        read = SecretReader("any", region=REGION, endpoint=keeper.endpoint, environment=environment)
        # WHEN the secret is read THEN that is why it cannot be
        assert "credentials provider" in fault_of(read)
    assert keeper.headers == {}


def test_credentials_that_end_bring_their_token(keeper: SecretsKeeper) -> None:
    # GIVEN credentials with a session token, as under SnapStart WHEN the secret is read THEN it is sent, and signed
    keeper.has(json.dumps({"current": HUSH}))
    with CredentialsProvider() as provider:
        environment = provider.environment
        SecretReader("any", region=REGION, endpoint=keeper.endpoint, environment=environment)()
    assert keeper.headers["x-amz-security-token"] == "session 1"
    signed = keeper.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    assert signed == "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
    assert f"/{REGION}/secretsmanager/aws4_request" in keeper.headers["authorization"]

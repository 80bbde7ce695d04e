"""Credentials from variables or a provider: kept, renewed, and used for tokens and the bucket."""

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler

import pytest
from redis import Redis

from bench.common.loopback_http import LoopbackHttp
from devstack.deployments import eventually
from devstack.processes.children import LOOPBACK, free_port
from devstack.services.valkey import Valkey
from nextitem.aws.credentials import MARGIN, Credentials, container_credentials, credentials_of
from nextitem.aws.elasticache_auth import Cache, TokenProvider
from nextitem.aws.object_store import ObstoreReader
from nextitem.deadline import Deadline
from nextitem.errors import CredentialsUnavailable, RegistryUnavailable, StoreUnavailable
from nextitem.redis_client.login import Login
from nextitem.redis_client.pool import Pool
from nextitem.redis_client.url import parse_store_url
from tests.nextitem.aws.credentials_provider import CredentialsProvider, answer
from tests.nextitem.parts import PATIENCE_SECONDS, REGION, soon

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDVARIABLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "session"}


class WallClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


@pytest.fixture
def provider(clock: WallClock) -> Iterator[CredentialsProvider]:
    """A provider whose answers differ and are valid for an hour."""
    with CredentialsProvider() as provider:
        provider.body = lambda: answer(provider.requests, clock.now + HOUR)
        yield provider


def test_variables_are_preferred_to_a_provider(provider: CredentialsProvider) -> None:
    assert credentials_of(KEYS | provider.environment)() == Credentials("AKIDVARIABLE", "secret", "session")
    assert container_credentials(KEYS | provider.environment) is None
    assert provider.requests == 0


def test_without_variables_the_provider_is_used(provider: CredentialsProvider, clock: WallClock) -> None:
    assert credentials_of(provider.environment, clock)() == Credentials("AKID1", "secret 1", "session 1", START + HOUR)


def test_an_expiry_without_a_zone_is_utc() -> None:
    with CredentialsProvider(lambda: answer().replace(b"00Z", b"00")) as provider:
        assert credentials_of(provider.environment)().expires == datetime(2100, 1, 1, tzinfo=UTC)


def test_credentials_are_kept_until_shortly_before_they_expire(provider: CredentialsProvider, clock: WallClock) -> None:
    credentials = credentials_of(provider.environment, clock)
    assert [credentials().access_key_id for _ in range(3)] == ["AKID1"] * 3
    clock.now += HOUR - MARGIN - timedelta(seconds=1)
    assert credentials().access_key_id == "AKID1"

    clock.now += timedelta(seconds=1)
    assert credentials().access_key_id == "AKID2"
    clock.now += timedelta(days=10)
    assert credentials().access_key_id == "AKID3"


def test_credentials_without_an_expiry_are_kept(provider: CredentialsProvider, clock: WallClock) -> None:
    provider.body = lambda: b'{"AccessKeyId": "AKID", "SecretAccessKey": "secret"}'
    credentials = credentials_of(provider.environment, clock)
    for _ in range(3):
        assert credentials() == Credentials("AKID", "secret")
        clock.now += timedelta(days=10)
    assert provider.requests == 1


def test_valid_credentials_are_used_while_the_provider_fails(provider: CredentialsProvider, clock: WallClock) -> None:
    credentials = credentials_of(provider.environment, clock)
    credentials()
    provider.status = 500
    clock.now += HOUR - timedelta(seconds=1)
    assert credentials().access_key_id == "AKID1"
    clock.now += timedelta(seconds=1)
    with pytest.raises(CredentialsUnavailable, match="500"):
        credentials()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"AccessKeyId": "secret in here"}', b'{"Expiration": "x"}'])
def test_an_invalid_answer_is_reported_and_not_quoted(body: bytes) -> None:
    with CredentialsProvider(lambda: body) as provider, pytest.raises(CredentialsUnavailable) as caught:
        credentials_of(provider.environment)()
    assert "secret" not in str(caught.value)


def test_a_refused_token_is_reported(provider: CredentialsProvider) -> None:
    wrong = provider.environment | {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "another"}
    with pytest.raises(CredentialsUnavailable, match="401"):
        credentials_of(wrong)()


def unreachable_provider() -> dict[str, str]:
    """Return the environment of a function whose provider is down."""
    return {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{LOOPBACK}:{free_port()}/",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "any",
    }


def test_a_token_that_is_no_header_is_reported_and_not_quoted(provider: CredentialsProvider) -> None:
    wrong = provider.environment | {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "hush-hush\n"}
    with pytest.raises(CredentialsUnavailable, match="token cannot be sent") as caught:
        credentials_of(wrong)()
    assert "hush" not in str(caught.value)


def test_an_unreachable_provider_is_reported() -> None:
    with pytest.raises(CredentialsUnavailable, match="cannot be reached"):
        credentials_of(unreachable_provider())()


def test_tokens_for_the_store_are_the_same_from_a_provider_and_from_variables(
    provider: CredentialsProvider, clock: WallClock
) -> None:
    cache = Cache("shop", True, REGION)
    variables = dict(zip(KEYS, ("AKID1", "secret 1", "session 1"), strict=True))
    by_provider = TokenProvider("app", cache, provider.environment, clock).get_credentials(soon())
    assert by_provider == TokenProvider("app", cache, variables, clock).get_credentials(soon())
    assert "X-Amz-Security-Token=session%201" in by_provider[1]


def test_without_credentials_the_store_is_unavailable(valkey: Valkey) -> None:
    url = parse_store_url(valkey.url)
    tokens = TokenProvider("app", Cache("shop", True, REGION), unreachable_provider())
    with Redis.from_url(valkey.url) as client:
        before = {each["id"] for each in client.client_list()}
        with pytest.raises(StoreUnavailable, match="credentials provider") as caught:
            Pool(url.addresses[0], Login(tokens=tokens)).send(soon(), "PING")
        # The connection is closed, although the error still refers to it.
        eventually(lambda: {each["id"] for each in client.client_list()} <= before, "it is closed")
    assert caught.value.__cause__ is not None


def test_a_provider_that_hangs_is_asked_once_and_costs_the_deadline(
    valkey: Valkey, provider: CredentialsProvider
) -> None:
    # GIVEN a provider that hangs
    goes_on = threading.Event()
    provider.body = lambda: answer() if goes_on.wait(PATIENCE_SECONDS) else b""
    tokens = TokenProvider("app", Cache("shop", True, REGION), provider.environment)
    pool = Pool(parse_store_url(valkey.url).addresses[0], Login(tokens=tokens))
    # WHEN the store is called THEN it is unavailable, and the provider gets one request only
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="in time"):
            pool.send(Deadline.after(0.2), "PING")
    # WHEN it answers THEN the answer is used
    goes_on.set()
    assert tokens.get_credentials(soon())[0] == "app"
    assert provider.requests == 1


def test_valid_credentials_are_used_while_new_ones_are_fetched(provider: CredentialsProvider, clock: WallClock) -> None:
    # GIVEN credentials that expire soon, and a provider that hangs
    credentials = credentials_of(provider.environment, clock)
    credentials()
    goes_on, body = threading.Event(), provider.body
    provider.body = lambda: body() if goes_on.wait(PATIENCE_SECONDS) else b""
    clock.now += HOUR - timedelta(seconds=1)
    # WHEN they are read THEN the old ones are returned at once, and the new ones later
    assert credentials(soon()).access_key_id == "AKID1"
    goes_on.set()
    eventually(lambda: credentials(soon()).access_key_id == "AKID2", "the new ones are used")


class RecordingS3(LoopbackHttp):
    """An S3 endpoint that has any object; keeps its connections, and the connection and signer of each request."""

    def __init__(self) -> None:
        self.connections, self.used = list[BaseHTTPRequestHandler](), list[BaseHTTPRequestHandler]()
        self.signers = list[str]()
        recording = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                recording.connections.append(self)
                super().setup()

            def do_GET(self) -> None:
                credential = re.search(r"Credential=(\w+)/", self.headers["Authorization"])
                recording.used.append(self)
                recording.signers.append(credential.group(1) if credential else "")
                self.send_response(200)
                for name, value in (("Content-Length", "2"), ("ETag", '"1"'), ("Last-Modified", _MODIFIED)):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"{}")

        super().__init__(Handler)


_MODIFIED = "Tue, 24 Nov 2026 12:00:00 GMT"


@pytest.fixture
def recording() -> Iterator[RecordingS3]:
    with RecordingS3() as recording:
        yield recording


def test_a_renewed_bucket_has_new_connections_and_credentials(
    recording: RecordingS3, provider: CredentialsProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a bucket that was read twice
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    provider.body = lambda: answer(provider.requests)
    bucket = ObstoreReader("registry", region=REGION, endpoint=recording.endpoint, environment=provider.environment)
    for _ in range(2):
        assert bucket.read("routes/live.json", 1000) is not None
    assert recording.signers == ["AKID1"] * 2
    before = set(recording.connections)  # one, or two on a busy machine

    # WHEN it is renewed THEN the next read uses a new connection and new credentials
    bucket.renew()
    assert bucket.read("routes/live.json", 1000) is not None
    assert recording.used[-1] not in before
    assert recording.signers[-1] == "AKID2"


def test_the_bucket_gets_new_credentials_before_the_old_ones_expire(
    recording: RecordingS3, provider: CredentialsProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN credentials that expire within the margin
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    provider.body = lambda: answer(provider.requests, datetime.now(UTC) + MARGIN / 2)
    bucket = ObstoreReader("registry", region=REGION, endpoint=recording.endpoint, environment=provider.environment)

    # WHEN the bucket is read again and again THEN a read is signed with other credentials than the first
    def is_renewed() -> bool:
        assert bucket.read("routes/live.json", 1000) is not None
        return recording.signers[-1] != recording.signers[0]

    eventually(is_renewed, "new credentials sign")


def test_without_credentials_the_bucket_cannot_be_read(recording: RecordingS3, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    bucket = ObstoreReader("registry", region=REGION, endpoint=recording.endpoint, environment=unreachable_provider())
    with pytest.raises(RegistryUnavailable):
        bucket.read("routes/live.json", 1000)
    assert recording.signers == []

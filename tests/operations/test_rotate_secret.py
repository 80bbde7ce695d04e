"""The rotation of the key secret, step by step, through moto's rotation."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import boto3
import moto.awslambda.utils
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError
from moto import mock_aws
from moto.server import ThreadedMotoServer

from bench.common.lossy_proxy import LossyProxy
from devstack.processes.children import LOOPBACK
from nextitem.sessions.key_secret import KeySecret
from operations import rotate_secret
from operations.rotate_secret import LEAD_SECONDS, MIN_LEAD_SECONDS, RotationRefused
from tests.corrected_moto import correct_moto

FIRST = "the-first-secret-of-tests"
ROTATION_ARN = "arn:aws:lambda:eu-central-1:123456789012:function:rotate-secret"


class Functions:
    """Stands for Lambda where Secrets Manager calls the rotation function; may fail once before a step."""

    def __init__(self) -> None:
        self.fails_before: str | None = None
        self.steps: list[dict[str, str]] = []

    def get_function(self, _arn: str) -> None:
        """It is there."""

    def invoke(self, _arn: str, *, body: str, **_rest: object) -> None:
        event = json.loads(body)
        if event["Step"] == self.fails_before:
            self.fails_before = None
            raise ConnectionError("Lambda is away")
        self.steps.append(event)
        rotate_secret.handler(event, None)


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> Functions:
    functions = Functions()
    correct_moto(monkeypatch)
    monkeypatch.setattr(moto.awslambda.utils, "get_backend", lambda *_: functions)
    return functions


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("secretsmanager", config=Config(retries={"total_max_attempts": 1}))
        client.create_secret(Name="key", SecretString=json.dumps({"current": FIRST}))
        yield client


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1_800_000_000

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rotate_secret, "time", clock)
    return clock


def value(client: Any, stage: str = "AWSCURRENT") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(client.get_secret_value(SecretId="key", VersionStage=stage)["SecretString"])
    return found


def rotate(client: Any, *, immediately: bool = True) -> str:
    """Returns the new version's id."""
    rules = {"AutomaticallyAfterDays": 90}
    return str(
        client.rotate_secret(
            SecretId="key", RotationLambdaARN=ROTATION_ARN, RotationRules=rules, RotateImmediately=immediately
        )["VersionId"]
    )


def step(name: str, token: str) -> None:
    rotate_secret.handler({"Step": name, "SecretId": "key", "ClientRequestToken": token}, None)


def test_a_rotation_makes_a_new_secret_and_keeps_the_old_one(client: Any, functions: Functions) -> None:
    rotate(client)
    rotated = value(client)

    assert rotated["previous"] == FIRST
    assert len(rotated["current"]) == rotate_secret.SECRET_CHARS
    read = KeySecret.of(rotated["current"], rotated["previous"], rotated["rotated_at"], rotated["lake"])
    assert read.previous == FIRST.encode()
    assert read.lake_key == KeySecret(FIRST.encode()).lake_key
    assert [event["Step"] for event in functions.steps] == ["createSecret", "setSecret", "testSecret", "finishSecret"]


def test_the_last_step_leaves_the_stage_of_pending_versions_to_secrets_manager(
    client: Any, functions: Functions
) -> None:
    version = rotate(client)

    # Secrets Manager takes its removal by a call for a failed rotation.
    assert set(client.describe_secret(SecretId="key")["VersionIdsToStages"][version]) == {"AWSCURRENT", "AWSPENDING"}


def test_each_rotation_keeps_the_previous_secret(client: Any, functions: Functions, clock: Clock) -> None:
    rotate(client)
    second = value(client)["current"]
    clock.now += LEAD_SECONDS
    rotate(client)
    third = value(client)
    assert third["previous"] == second
    assert len({FIRST, second, third["current"]}) == 3


def test_a_rotation_takes_effect_later(client: Any, functions: Functions, clock: Clock) -> None:
    rotate(client)
    assert value(client)["rotated_at"] == clock.now + LEAD_SECONDS


def test_a_rotation_waits_until_the_previous_one_is_in_effect(client: Any, functions: Functions, clock: Clock) -> None:
    rotate(client)
    rotated = value(client)
    clock.now += LEAD_SECONDS - 1
    with pytest.raises(RotationRefused, match="not taken effect"):
        rotate(client)
    assert value(client) == rotated


def test_a_version_that_is_too_old_is_dropped(client: Any, functions: Functions, clock: Clock) -> None:
    functions.fails_before = "testSecret"
    with pytest.raises(ConnectionError):
        rotate(client)
    token = functions.steps[0]["ClientRequestToken"]
    clock.now += LEAD_SECONDS - MIN_LEAD_SECONDS + 1
    with pytest.raises(RotationRefused, match="too old"):
        step("finishSecret", token)
    assert value(client) == {"current": FIRST}
    rotate(client)
    assert (value(client)["previous"], value(client)["rotated_at"]) == (FIRST, clock.now + LEAD_SECONDS)


def test_an_interrupted_rotation_continues_with_its_version(client: Any, functions: Functions) -> None:
    # GIVEN a rotation that was interrupted after it wrote the new version
    functions.fails_before = "testSecret"
    with pytest.raises(ConnectionError):
        rotate(client)
    token = functions.steps[0]["ClientRequestToken"]
    written = value(client, "AWSPENDING")
    assert value(client) == {"current": FIRST}

    # WHEN Secrets Manager repeats all steps, each twice
    for name in ("createSecret", "setSecret", "testSecret", "finishSecret"):
        step(name, token)
        step(name, token)

    # THEN the written version serves, and no other version was created
    assert value(client) == written
    assert written["previous"] == FIRST


def test_a_repetition_after_the_end_changes_nothing(client: Any, functions: Functions) -> None:
    rotate(client)
    rotated = value(client)
    step("createSecret", functions.steps[0]["ClientRequestToken"])
    assert value(client) == rotated


def test_setting_a_schedule_changes_nothing(client: Any, functions: Functions) -> None:
    rotate(client, immediately=False)

    assert [event["Step"] for event in functions.steps] == ["testSecret"]
    assert value(client) == {"current": FIRST}


@pytest.mark.parametrize(
    "pending",
    [
        {"current": "another-secret-of-tests", "previous": "an-unknown-secret"},
        {"current": "another-secret-of-tests"},
        {"current": FIRST, "previous": FIRST},
    ],
    ids=["of another secret", "without previous", "the same again"],
)
def test_a_version_that_would_lose_sessions_is_refused(
    client: Any, functions: Functions, pending: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(secrets: Any, secret: str, token: str) -> None:
        secrets.put_secret_value(
            SecretId=secret, ClientRequestToken=token, SecretString=json.dumps(pending), VersionStages=["AWSPENDING"]
        )

    monkeypatch.setattr(rotate_secret, "_create", write)

    with pytest.raises(RotationRefused, match="the serving secret as `previous`"):
        rotate(client)
    with pytest.raises(RotationRefused, match="the serving secret as `previous`"):
        step("finishSecret", functions.steps[0]["ClientRequestToken"])
    assert value(client) == {"current": FIRST}


def test_another_kind_of_secret_is_refused_and_not_shown(client: Any, functions: Functions) -> None:
    for text in (
        "plain-text-that-is-secret",
        '["plain-text-that-is-secret"]',
        '{"current": "short"}',
        '{"password": "x"}',
    ):
        client.update_secret(SecretId="key", SecretString=text)
        with pytest.raises(RotationRefused) as refused:
            rotate(client)
        assert "plain-text" not in str(refused.value)
        assert client.get_secret_value(SecretId="key")["SecretString"] == text


def test_a_version_that_is_not_staged_is_refused(client: Any, functions: Functions) -> None:
    with pytest.raises(RotationRefused, match="not enabled"):
        step("createSecret", "0" * 32)
    rotate(client)
    with pytest.raises(RotationRefused, match="not staged"):
        step("createSecret", "0" * 32)


def test_no_log_line_contains_a_secret(client: Any, functions: Functions, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger=rotate_secret.logger.name):
        rotate(client)
    messages = [record.getMessage() for record in caplog.records if record.name == rotate_secret.logger.name]
    assert messages == [f"{name}: done" for name in ("createSecret", "setSecret", "testSecret", "finishSecret")]
    assert not [secret for secret in value(client).values() if str(secret) in " ".join(messages)]


ATTEMPTS = 2
WRITES = {
    "value": lambda body: b'"SecretString"' in body,
    "current": lambda body: b'"MoveToVersionId"' in body,
}


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[LossyProxy]:
    """A proxy through which the rotation function calls Secrets Manager, with two attempts for each call."""
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with LossyProxy(f"http://{host}:{port}") as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", proxy.endpoint)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", str(ATTEMPTS))
        monkeypatch.setenv("AWS_RETRY_MODE", "standard")
        monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
        yield proxy
    server.stop()


@pytest.mark.parametrize("times", [1, ATTEMPTS], ids=["first answer", "all answers"])
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.slow
def test_a_rotation_survives_a_lost_answer(
    client: Any, functions: Functions, proxy: LossyProxy, write: str, times: int
) -> None:
    proxy.fail("lose answer", lambda _method, _path, body: WRITES[write](body), times)
    version = rotate(client)
    assert proxy.left == 0
    assert value(client)["previous"] == FIRST
    assert "AWSCURRENT" in client.describe_secret(SecretId="key")["VersionIdsToStages"][version]


@pytest.mark.slow
@pytest.mark.parametrize("write", WRITES)
def test_a_lost_write_fails_the_step(client: Any, functions: Functions, proxy: LossyProxy, write: str) -> None:
    proxy.fail("lose request", lambda _method, _path, body: WRITES[write](body), ATTEMPTS)
    with pytest.raises(ConnectionClosedError):
        rotate(client)
    assert proxy.left == 0

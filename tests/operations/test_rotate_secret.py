"""The rotation of the key secret, driven as Secrets Manager drives it: through moto's rotation, step by step."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import boto3
import moto.awslambda.utils
import pytest
from moto import mock_aws

from nextitem.sessions.key_secret import KeySecret
from operations import rotate_secret
from operations.rotate_secret import LEAD_SECONDS, LEAST_LEAD_SECONDS, RotationRefused

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
    monkeypatch.setattr(moto.awslambda.utils, "get_backend", lambda *_: functions)
    return functions


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("secretsmanager")
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


def test_a_rotation_makes_a_new_secret_and_keeps_the_one_before(client: Any, functions: Functions) -> None:
    # GIVEN a secret as the template generates it WHEN rotated
    rotate(client)
    rotated = value(client)

    # THEN there is a new one, the old one is beside it, and the service takes both
    assert rotated["previous"] == FIRST
    assert len(rotated["current"]) == rotate_secret.SECRET_CHARS
    read = KeySecret.of(rotated["current"], rotated["previous"], rotated["rotated_at"])
    assert read.previous == FIRST.encode()
    assert [event["Step"] for event in functions.steps] == ["createSecret", "setSecret", "testSecret", "finishSecret"]


def test_each_rotation_keeps_the_one_before_it(client: Any, functions: Functions, clock: Clock) -> None:
    # GIVEN a rotated secret WHEN rotated again, once it is in effect THEN what was new before is `previous` now
    rotate(client)
    second = value(client)["current"]
    clock.now += LEAD_SECONDS
    rotate(client)
    third = value(client)
    assert third["previous"] == second
    assert len({FIRST, second, third["current"]}) == 3


def test_a_rotation_is_announced(client: Any, functions: Functions, clock: Clock) -> None:
    # GIVEN a secret WHEN rotated THEN that takes effect only when every process of the service has read it
    rotate(client)
    assert value(client)["rotated_at"] == clock.now + LEAD_SECONDS


def test_a_rotation_that_is_not_in_effect_yet_is_not_followed_by_another(
    client: Any, functions: Functions, clock: Clock
) -> None:
    # GIVEN a rotation, just before its moment: sessions live under the secret before it, which another would forget
    rotate(client)
    rotated = value(client)
    clock.now += LEAD_SECONDS - 1
    with pytest.raises(RotationRefused, match="not taken effect"):
        rotate(client)
    assert value(client) == rotated


def test_a_version_that_is_too_old_to_be_announced_is_dropped(client: Any, functions: Functions, clock: Clock) -> None:
    # GIVEN a rotation that broke off, and goes on too late for every process to hear of it in time
    functions.fails_before = "testSecret"
    with pytest.raises(ConnectionError):
        rotate(client)
    token = functions.steps[0]["ClientRequestToken"]
    clock.now += LEAD_SECONDS - LEAST_LEAD_SECONDS + 1
    # WHEN it ends THEN it is refused, the serving secret stays, and the next attempt makes another version
    with pytest.raises(RotationRefused, match="too old"):
        step("finishSecret", token)
    assert value(client) == {"current": FIRST}
    rotate(client)
    assert (value(client)["previous"], value(client)["rotated_at"]) == (FIRST, clock.now + LEAD_SECONDS)


def test_a_rotation_that_broke_off_goes_on_with_what_it_wrote(client: Any, functions: Functions) -> None:
    # GIVEN a rotation that breaks off after it wrote the new version
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

    # THEN what was written is what serves, and nothing else was made on the way
    assert value(client) == written
    assert written["previous"] == FIRST


def test_a_repetition_after_the_end_changes_nothing(client: Any, functions: Functions) -> None:
    # GIVEN a finished rotation WHEN its first step comes once more THEN `previous` is what it was
    rotate(client)
    rotated = value(client)
    step("createSecret", functions.steps[0]["ClientRequestToken"])
    assert value(client) == rotated


def test_setting_a_schedule_rehearses_and_changes_nothing(client: Any, functions: Functions) -> None:
    # GIVEN a schedule that begins later, as the template's does WHEN it is set
    rotate(client, immediately=False)

    # THEN only the test ran, and the secret is as it was
    assert [event["Step"] for event in functions.steps] == ["testSecret"]
    assert value(client) == {"current": FIRST}


@pytest.mark.parametrize(
    "pending",
    [
        {"current": "another-secret-of-tests", "previous": "what-nobody-knows-here"},
        {"current": "another-secret-of-tests"},
        {"current": FIRST, "previous": FIRST},
    ],
    ids=["of another secret", "without previous", "the same again"],
)
def test_a_version_that_would_lose_sessions_never_serves(
    client: Any, functions: Functions, pending: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a new version that does not the serving one as previous
    def write(one: Any, secret: str, token: str) -> None:
        one.put_secret_value(
            SecretId=secret, ClientRequestToken=token, SecretString=json.dumps(pending), VersionStages=["AWSPENDING"]
        )

    monkeypatch.setattr(rotate_secret, "_create", write)

    # WHEN the rotation goes on THEN it is refused, at the test and at the end, and the serving secret stays
    with pytest.raises(RotationRefused, match="the serving one as previous"):
        rotate(client)
    with pytest.raises(RotationRefused, match="the serving one as previous"):
        step("finishSecret", functions.steps[0]["ClientRequestToken"])
    assert value(client) == {"current": FIRST}


def test_what_is_no_key_secret_is_left_alone_and_not_shown(client: Any, functions: Functions) -> None:
    # GIVEN secrets of other kinds WHEN rotated THEN they are refused, without a word of what they are
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
    # GIVEN a secret that is rotated WHEN a step comes for another version, or for none THEN it is refused
    with pytest.raises(RotationRefused, match="not enabled"):
        step("createSecret", "0" * 32)
    rotate(client)
    with pytest.raises(RotationRefused, match="not staged"):
        step("createSecret", "0" * 32)


def test_no_log_line_has_a_secret(client: Any, functions: Functions, caplog: pytest.LogCaptureFixture) -> None:
    # GIVEN a rotation WHEN its log is read THEN steps are there, and secrets are not
    with caplog.at_level(logging.INFO, logger=rotate_secret.logger.name):
        rotate(client)
    told = [record.getMessage() for record in caplog.records if record.name == rotate_secret.logger.name]
    assert told == [f"{name}: done" for name in ("createSecret", "setSecret", "testSecret", "finishSecret")]
    assert not [secret for secret in value(client).values() if str(secret) in " ".join(told)]

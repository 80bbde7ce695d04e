"""The rotation accepts exactly the values of the key secret that the service accepts, and changes no other."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from moto import mock_aws

from nextitem.errors import SecretUnavailable
from nextitem.sessions.key_secret import KeySecret
from operations import rotate_secret
from operations.rotate_secret import RotationRefused
from tests.nextitem.parts import REGION, STEADY
from tests.nextitem.sessions.fake_secrets_manager import FakeSecretsManager
from tests.nextitem.sessions.test_secret_reader import reader

SECRET, OLD = "the-serving-secret-of-tests", "the-secret-before-that-one"
FUTURE = 4_000_000_000


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("secretsmanager", region_name=REGION)
        client.create_secret(Name="key", SecretString="{}")
        yield client


@pytest.fixture(scope="module")
def server() -> Iterator[FakeSecretsManager]:
    with FakeSecretsManager() as server:
        yield server


def accepted_by_rotation(client: Any, text: str) -> KeySecret | None:
    client.put_secret_value(SecretId="key", SecretString=text)
    try:
        value = rotate_secret._value(client, "key", VersionStage="AWSCURRENT")
    except RotationRefused:
        return None
    moment = rotate_secret._moment(value) if value.get("rotated_at") is not None else None
    return KeySecret.of(value["current"], value.get("previous"), moment, value.get("lake"))


def accepted_by_service(server: FakeSecretsManager, text: str) -> KeySecret | None:
    server.put_secret(text)
    try:
        return reader(server.endpoint)()
    except SecretUnavailable:
        return None


texts = st.sampled_from(["", "a", " ", "{", "arn:", "\ud800", "\u00e9"]).flatmap(
    lambda start: st.integers(0, 17).map(lambda length: start + (start[:1] or "x") * length)
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=17),
    max_leaves=17,
)
documents = st.fixed_dictionaries(
    {"current": st.just(SECRET) | values},
    optional={"previous": st.just(OLD) | values, "rotated_at": st.integers() | st.floats().map(str) | values},
)


@pytest.mark.slow
@given(document=documents | values)
@example({"current": "{" + SECRET})
@example({"current": ["a"] * 16})
@example({"current": SECRET, "previous": OLD, "rotated_at": str(FUTURE)})
@example({"current": SECRET, "previous": OLD, "rotated_at": FUTURE})
@example({"current": SECRET, "previous": OLD, "rotated_at": 10**400})
@example({"current": SECRET, "previous": OLD, "rotated_at": -(10**400)})
@example({"current": SECRET, "previous": OLD, "rotated_at": True})
@example({"current": SECRET, "previous": OLD, "rotated_at": 0})
@example({"current": SECRET, "previous": "short"})
@example({"current": " " * 16})
@example({"current": SECRET, "previous": "\u2003" * 16})
@example({"current": "\ud800" * 16})
@example({"current": "x" * 15})
@example({"current": "x" * 16})
@STEADY
def test_rotation_and_service_accept_the_same(client: Any, server: FakeSecretsManager, document: object) -> None:
    text = json.dumps(document)
    assert accepted_by_rotation(client, text) == accepted_by_service(server, text)


@pytest.mark.parametrize("text", ["[" * 60_000, "1" * 5000, "not JSON", '"text"'])
def test_a_text_that_is_no_document_is_refused(client: Any, text: str) -> None:
    client.put_secret_value(SecretId="key", SecretString=text)
    with pytest.raises(RotationRefused, match="not a key secret"):
        rotate_secret._value(client, "key", VersionStage="AWSCURRENT")


def test_a_binary_secret_is_refused(client: Any) -> None:
    client.put_secret_value(SecretId="key", SecretBinary=SECRET.encode())
    with pytest.raises(RotationRefused, match="not a key secret"):
        rotate_secret._value(client, "key", VersionStage="AWSCURRENT")


@pytest.mark.parametrize("moment", [str(FUTURE), FUTURE, float(FUTURE)])
def test_a_rotation_that_has_not_taken_effect_is_not_replaced(client: Any, moment: object) -> None:
    client.put_secret_value(
        SecretId="key", SecretString=json.dumps({"current": SECRET, "previous": OLD, "rotated_at": moment})
    )
    with pytest.raises(RotationRefused, match=r"rotated_at must be|not taken effect"):
        rotate_secret._make(client, "key", "0" * 32)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_secret_value(SecretId="key", VersionStage="AWSPENDING")

"""Answers of the credentials provider: a complete one becomes credentials, every other one is an error."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextitem.aws.credentials import Credentials, credentials_of
from nextitem.errors import CredentialsUnavailable
from tests.nextitem.aws.credentials_provider import CredentialsProvider
from tests.nextitem.parts import STEADY

KEYS = {"AccessKeyId": "AKID", "SecretAccessKey": "hush"}
EXPIRY = "2100-01-01T00:00:00"


@pytest.fixture(scope="module")
def provider() -> Iterator[CredentialsProvider]:
    with CredentialsProvider() as provider:
        yield provider


def credentials(provider: CredentialsProvider, body: bytes) -> Credentials:
    provider.body = lambda: body
    return credentials_of(provider.environment)()


def assert_refused(provider: CredentialsProvider, body: bytes) -> None:
    with pytest.raises(CredentialsUnavailable, match="cannot be decoded") as caught:
        credentials(provider, body)
    assert "hush" not in f"{caught.value!s} {caught.value.__cause__!s}"


@pytest.mark.parametrize(
    ("more", "token", "expires"),
    [
        ({}, None, None),
        ({"Token": None, "Expiration": None}, None, None),
        ({"Token": "", "Code": "Success", "Nested": [{}]}, None, None),
        ({"Token": "t", "Expiration": f"{EXPIRY}Z"}, "t", datetime(2100, 1, 1, tzinfo=UTC)),
        ({"Token": "t", "Expiration": EXPIRY}, "t", datetime(2100, 1, 1, tzinfo=UTC)),
        ({"Token": "t", "Expiration": "2100-01-01T02:00:00+02:00"}, "t", datetime(2100, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_complete_answer_is_read(
    provider: CredentialsProvider, more: dict[str, Any], token: str | None, expires: datetime | None
) -> None:
    read = credentials(provider, json.dumps({**KEYS, **more}).encode())
    assert read == Credentials("AKID", "hush", token, expires)


@pytest.mark.parametrize(
    "fields",
    [
        {"AccessKeyId": None},
        {"AccessKeyId": 5},
        {"AccessKeyId": ""},
        {"AccessKeyId": "a\ud800"},
        {"SecretAccessKey": None},
        {"SecretAccessKey": ["hush"]},
        {"SecretAccessKey": ""},
        {"Token": 5},
        {"Token": ["hush"]},
        {"Expiration": 5},
        {"Expiration": True},
        {"Expiration": ""},
        {"Expiration": "tomorrow"},
        {"Expiration": "9999-12-31T23:59:59-23:59"},
        {"Expiration": "0001-01-01T00:00:00+23:59"},
    ],
)
def test_a_field_of_another_type_is_refused(provider: CredentialsProvider, fields: dict[str, Any]) -> None:
    assert_refused(provider, json.dumps({**KEYS, **fields}).encode())


DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        DEEP,
        b'{"AccessKeyId":' + DEEP,
        b'{"Other":' + DEEP,
        b'{"Other":' * 100_000,
        b'{"AccessKeyId":' + b"9" * 5000 + b"}",
    ],
    ids=["list", "field", "unknown field", "objects", "number"],
)
def test_a_deep_or_large_value_is_refused(provider: CredentialsProvider, body: bytes) -> None:
    assert_refused(provider, body)


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["AccessKeyId", "SecretAccessKey", "Token", "Expiration"]), inner)
    ),
    max_leaves=6,
)


@given(document=documents | st.fixed_dictionaries(dict.fromkeys(KEYS, st.text())))
@STEADY
@pytest.mark.slow
def test_any_answer_is_credentials_or_an_error(provider: CredentialsProvider, document: object) -> None:
    try:
        read = credentials(provider, json.dumps(document).encode())
    except CredentialsUnavailable:
        return
    assert isinstance(document, dict)
    assert (read.access_key_id, read.secret_access_key) == (document["AccessKeyId"], document["SecretAccessKey"])
    assert read.session_token is None or isinstance(read.session_token, str)
    assert read.expires is None or read.expires.tzinfo is not None

"""The token for the credentials provider in a file: read at each fetch, and never quoted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nextitem.aws.credentials import credentials_of
from nextitem.errors import CredentialsUnavailable
from tests.nextitem.aws.credentials_provider import TOKEN, CredentialsProvider, answer
from tests.nextitem.aws.test_credentials import HOUR, WallClock


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


@pytest.fixture
def provider(clock: WallClock) -> Iterator[CredentialsProvider]:
    with CredentialsProvider() as provider:
        provider.body = lambda: answer(provider.requests, clock.now + HOUR)
        yield provider


def by_file(provider: CredentialsProvider, file: Path) -> dict[str, str]:
    """Return the environment of a function whose provider's token is in a file."""
    (uri,) = (name for name in provider.environment if name.endswith("_URI"))
    return {uri: provider.environment[uri], "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(file)}


def test_a_token_file_is_read_again_at_each_fetch(
    provider: CredentialsProvider, clock: WallClock, tmp_path: Path
) -> None:
    # GIVEN a provider whose token is in a file, with a line break at its end, and another one in a variable
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    environment = by_file(provider, file) | {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "another"}
    credentials = credentials_of(environment, clock)
    # WHEN credentials are fetched THEN the file's token is sent
    assert credentials().access_key_id == "AKID1"

    # WHEN the credentials expire after another token was written THEN that one is sent, and refused
    clock.now += HOUR
    file.write_text("one that expired")
    with pytest.raises(CredentialsUnavailable, match="401"):
        credentials()
    # AND when the file has a valid token again, new credentials come
    file.write_text(TOKEN)
    assert credentials().access_key_id == "AKID3"


@pytest.mark.parametrize("content", [None, b"\xffhush"], ids=["missing", "not text"])
def test_a_token_file_that_cannot_be_read_is_reported_and_not_quoted(
    provider: CredentialsProvider, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CredentialsUnavailable, match="AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE cannot be read") as caught:
        credentials_of(by_file(provider, file))()
    assert "hush" not in str(caught.value)
    assert provider.requests == 0

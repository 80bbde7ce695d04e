"""URLs of AWS endpoints: accepted ones can be split and connected to, all others are refused."""

import http.client
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextitem.aws.credentials import ContainerCredentials
from nextitem.aws.endpoint import is_endpoint
from nextitem.errors import CredentialsUnavailable
from tests.nextitem.aws.credentials_provider import TOKEN, CredentialsProvider
from tests.nextitem.parts import STEADY, soon

WRONG = [
    "",
    "h:80",
    "ftp://h",
    "https://",
    "http:///path",
    "http://[",
    "http://[.]",
    "http://[::1",
    "http://[::1]x",
    "http://:80",
    "http://h:",
    "http://h:port",
    "http://h:0",
    "http://h:65536",
    "http://h:\u0661",
    "http://me:hush@h",
    "http://me@h",
    "http://h#f",
    "http://h/#f",
    "http://h?x=1",
    "http://h\\x",
    "http://h/a b",
    "http://h/\n",
    "http://a..b",
    "http://-h",
    f"http://{'h' * 64}",
    "http://\u00e9",
    "http://\u2028h",
    "http://h/\udcff",
]


@pytest.mark.parametrize(
    "url",
    [
        "http://h",
        "https://h/",
        "http://h:65535",
        "http://127.0.0.1:5000/path",
        "http://[::1]:80/",
        "https://s3.a-b_c.d",
    ],
)
def test_an_endpoint_is_accepted(url: str) -> None:
    assert is_endpoint(url)
    assert is_endpoint(f"{url.removesuffix('/')}/?x=1", query=True)


@pytest.mark.parametrize("url", [*WRONG, "http://h/?x=1"])
def test_any_other_text_is_refused(url: str) -> None:
    assert not is_endpoint(url)


@given(
    url=st.text(st.characters())
    | st.from_regex(r"https?://[^/]*(:.*)?(/.*)?", fullmatch=True)
    | st.text("htps:/@[]#?%.1-_é\\ ").map("http://".__add__)
)
@STEADY
@pytest.mark.slow
def test_an_accepted_endpoint_can_be_connected_to(url: str) -> None:
    if not is_endpoint(url):
        return
    split = urlsplit(url)
    connection = http.client.HTTPConnection(split.netloc)
    assert (split.username, split.password, split.query, split.fragment) == (None, None, "", "")
    assert connection.host.encode("idna")


def test_the_query_of_a_providers_address_is_sent() -> None:
    with CredentialsProvider() as provider:
        uri = provider.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        assert ContainerCredentials(uri, TOKEN)(soon()).access_key_id == "AKID1"
        with pytest.raises(CredentialsUnavailable, match="401"):  # it refuses other paths
            ContainerCredentials(f"{uri}?role=shop", TOKEN)(soon())


@pytest.mark.parametrize("uri", WRONG)
@pytest.mark.parametrize("waits", [True, False])
def test_a_provider_without_a_valid_address_has_no_credentials(uri: str, waits: bool) -> None:
    if "?" in uri:
        uri += "#f"
    with pytest.raises(CredentialsUnavailable, match="AWS_CONTAINER_CREDENTIALS_FULL_URI must be") as caught:
        ContainerCredentials(uri, "token")(None if waits else soon())
    assert "hush" not in f"{caught.value!s} {caught.value.__cause__!s}"

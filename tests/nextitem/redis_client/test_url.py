"""Parsing the store's URL."""

import pytest

from nextitem.errors import SettingsError
from nextitem.redis_client.url import Address, StoreUrl, parse_store_url, reported_address


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("redis://store", StoreUrl("single", (Address("store", 6379),))),
        ("redis://[::1]:7000/2", StoreUrl("single", (Address("::1", 7000),), db=2)),
        (
            "rediss://app:p%40ss:word@store:6380/1?ssl_ca_certs=/etc/ca.pem",
            StoreUrl(
                "single",
                (Address("store", 6380),),
                tls=True,
                username="app",
                password="p@ss:word",  # noqa: S106 - an example
                db=1,
                ca_file="/etc/ca.pem",
            ),
        ),
        (
            "redis+sentinel://a:1,b/main/3",
            StoreUrl("sentinel", (Address("a", 1), Address("b", 26379)), db=3, name="main"),
        ),
        (
            "rediss+cluster://:secret@a:7000,b:7001",
            StoreUrl("cluster", (Address("a", 7000), Address("b", 7001)), tls=True, password="secret"),  # noqa: S106
        ),
        (
            "rediss+cluster://app@cache.example:6379?iam=shop&serverless=true",
            StoreUrl(
                "cluster",
                (Address("cache.example", 6379),),
                tls=True,
                username="app",
                iam="shop",
                serverless=True,
            ),
        ),
        ("redis+cluster://a/0", StoreUrl("cluster", (Address("a", 6379),))),
    ],
)
def test_each_shape_is_parsed(url: str, parsed: StoreUrl) -> None:
    assert parse_store_url(url) == parsed


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "begin with redis://"),
        ("store:6379", "begin with redis://"),
        ("http://store", "begin with redis://"),
        ("redis+ring://store", "sentinel or cluster"),
        ("redis://", "host is missing"),
        ("redis://a,", "host is missing"),
        ("redis://a,b", r"need \+sentinel or \+cluster"),
        ("redis://store:port", "port must be a number"),
        ("redis://store:0", "port must be a number"),
        ("redis://store:70000", "port must be a number"),
        ("redis://store/one", "database's number"),
        ("redis://store/1/2", "database's number"),
        ("redis+cluster://store/1", "only by 0"),
        ("redis+sentinel://store", "primary's name"),
        ("redis://app@store?iam=shop", "iam needs TLS"),
        ("rediss://store?iam=shop", "iam needs TLS"),
        ("redis://store?sslca=x", "unknown option; the known ones are"),
    ],
)
def test_an_invalid_url_is_refused_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=f"^NEXTITEM_STORE_URL is not understood: .*{reason}"):
        parse_store_url(url)


@pytest.mark.parametrize("url", ["redis://me:hush@store:port", "http://me:hush@store", "redis://me:hush@store/hush"])
def test_an_error_shows_no_password(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_store_url(url)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("host", ["", "?"])
def test_a_server_that_does_not_know_its_host_is_where_its_reply_comes_from(host: str) -> None:
    assert reported_address(host, "7000", Address("store", 6379)) == Address("store", 7000)


def test_the_last_port_and_a_cache_that_is_not_serverless_are_accepted() -> None:
    store = parse_store_url("rediss://app@store:65535?iam=shop&serverless=false")
    assert (store.addresses, store.serverless) == ((Address("store", 65_535),), False)

"""Tokens for ElastiCache: botocore would sign the same, and each connection gets its own."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from devstack.processes.children import LOOPBACK, Children
from nextitem.aws.elasticache_auth import Cache, TokenProvider
from nextitem.redis_client.login import Login
from nextitem.redis_client.pool import Pool
from nextitem.redis_client.reply_shapes import one_of
from nextitem.redis_client.url import Address
from tests.nextitem.parts import soon
from tests.nextitem.valkey_server import OwnValkey

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def by_botocore(user: str, cache: Cache, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: NOW.replace(tzinfo=None))
    kept = {"Action": "connect", "User": user, **({"ResourceType": "ServerlessCache"} if cache.serverless else {})}
    request = AWSRequest("GET", f"http://{cache.name}/", params=kept)
    credentials = Credentials(
        environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], environment.get("AWS_SESSION_TOKEN")
    )
    SigV4QueryAuth(credentials, "elasticache", cache.region, expires=900).add_auth(request)
    url = request.url
    assert isinstance(url, str)
    return url.removeprefix("http://")


def parts(token: str) -> tuple[str, set[str]]:
    host, _, query = token.partition("/?")
    return host, set(query.split("&"))


@pytest.mark.parametrize("serverless", [True, False])
@pytest.mark.parametrize("session", ["", "a/session+token=="])
def test_a_token_is_what_botocore_would_sign(serverless: bool, session: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a cache, a user and a function's credentials
    cache = Cache("shop-sessions", serverless, "eu-central-1")
    environment = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret/key+"}
    if session:
        environment["AWS_SESSION_TOKEN"] = session
    # WHEN a token is signed THEN botocore's token has the same parts and signature
    user, token = TokenProvider("app", cache, environment, lambda: NOW).get_credentials(soon())
    assert user == "app"
    assert parts(token) == parts(by_botocore("app", cache, environment, monkeypatch))


def test_each_connection_signs_its_own_token(children: Children, tmp_path: Path) -> None:
    # GIVEN a server that accepts any password of a user, and a clock that advances
    server = OwnValkey(children, tmp_path)
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "on", "nopass", "~*", "+@all")
    times: list[datetime] = []

    def clock() -> datetime:
        times.append(NOW + timedelta(seconds=len(times)))
        return times[-1]

    tokens = TokenProvider("app", Cache("shop", True, "eu-central-1"), {}, clock)
    pool = Pool(Address(LOOPBACK, server.port), Login(tokens=tokens))
    # WHEN two connections are open at once
    sent = [pool.send(soon(), "ACL", "WHOAMI") for _ in range(2)]
    # THEN both are logged in as the user, each with its own token
    assert [pool.receive(connection, soon(), one_of(b"app")) for connection in sent] == [b"app", b"app"]
    assert len(times) == 2
    pool.close()
    server.kill()

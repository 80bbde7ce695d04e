"""Logging in to the store: what ElastiCache checks, tried with the function's own client."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import redis
from redis import AuthenticationError, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from devstack.cloud.store_door.tokens import MAX_EXPIRES_SECONDS
from nextitem.aws import elasticache_auth
from nextitem.aws.elasticache_auth import Cache, TokenProvider
from nextitem.errors import StoreUnavailable
from tests.devstack.cloud.store_door.conftest import Connect
from tests.devstack.cloud.store_door.scene import StoreScene
from tests.nextitem.parts import VERSION, fresh_key, soon
from tests.nextitem.sessions.log_contract import add, event, names

CACHE, USER = "shop-sessions", "shop-recommend"
MINUTE = timedelta(minutes=1)
WRONGPASS = r"^invalid username-password pair or user is disabled\.$"


@contextmanager
def client(scene: StoreScene, **options: Any) -> Iterator[Redis]:
    """Connect with redis-py, over TLS, without logging in unless `options` say how."""
    tls = {"ssl": True, "ssl_ca_certs": str(scene.trusted), "retry": Retry(NoBackoff(), 0)}
    with Redis(host=scene.host, port=6379, socket_timeout=20, **{"protocol": 2, **tls, **options}) as connected:
        yield connected


def token(scene: StoreScene, user: str = USER, cache: str = CACHE, **changes: Any) -> str:
    """Sign a token as the function does, with `changes` to the cache it is for."""
    wanted = Cache(**{"name": cache, "serverless": scene.kind == "serverless", "region": "eu-central-1", **changes})
    return TokenProvider(user, wanted).get_credentials(soon())[1]


@pytest.mark.slow
def test_the_function_logs_in_and_stores_a_session(scene: StoreScene, connect: Connect) -> None:
    # GIVEN the function's role, its setting and its client
    before, store, key = len(scene.door.decisions), connect(), fresh_key()
    # WHEN it stores a session THEN it can read it
    add(store, key, event("a"))
    assert names(store.load(key, VERSION, soon()).log) == ["a"]
    # AND both resources were allowed by the statement of the template
    decisions = scene.door.decisions[before:]
    kind = {"serverless": "serverlesscache", "nodes": "replicationgroup"}[scene.kind]
    assert {(each.action, each.resource.partition("123456789012:")[2], each.allowed) for each in decisions} == {
        ("elasticache:Connect", f"{kind}:{CACHE}", True),
        ("elasticache:Connect", f"user:{USER}", True),
    }
    assert {sid for each in decisions for _, sid in each.statements} == {"ConnectToStore"}


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.slow
def test_auth_and_hello_log_in(scene: StoreScene, protocol: int) -> None:
    with client(scene, username=USER, password=token(scene), protocol=protocol) as logged_in:
        assert logged_in.ping()
        # AND the connection can be authenticated again, as every twelve hours
        assert logged_in.execute_command("AUTH", USER, token(scene))
        with pytest.raises(AuthenticationError, match=WRONGPASS):
            logged_in.execute_command("AUTH", USER, "no token")


def without(*resources: str) -> Callable[[StoreScene], None]:
    """Take resources out of the statement that lets the function connect; their ARNs end with these texts."""

    def change(scene: StoreScene) -> None:
        statements = [
            each
            if each["Sid"] != "ConnectToStore"
            else each | {"Resource": [arn for arn in each["Resource"] if not arn.endswith(resources)]}
            for each in scene.statements
        ]
        scene.put_role(statements)

    return change


def deny(scene: StoreScene) -> None:
    denial = {"Effect": "Deny", "Action": "elasticache:*", "Resource": "*"}
    scene.put_role([*scene.statements, denial])


def leave_the_cache_without(scene: StoreScene) -> None:
    if scene.kind == "serverless":
        scene.change("ServerlessCache", UserGroupId=None)
    else:
        scene.change("NodeCache", UserGroupIds=None)


TEMPLATES: dict[str, tuple[Callable[[StoreScene], object], str]] = {
    "the role may not connect to the cache": (without(f":{CACHE}"), "no identity-based policy allows"),
    "the role may not connect as the user": (without(f":{USER}"), "no identity-based policy allows"),
    "a policy denies it": (deny, "explicit deny in an identity-based policy"),
    "id and name differ": (lambda scene: scene.change("StoreUser", UserId="another"), ""),
    "the user is not in the group": (lambda scene: scene.change("StoreUsers", UserIds=[]), ""),
    "the cache has no group": (leave_the_cache_without, ""),
    "the user has a password": (
        lambda scene: scene.change("StoreUser", AuthenticationMode={"Type": "password", "Passwords": ["p" * 16]}),
        "",
    ),
    "the user is off": (lambda scene: scene.change("StoreUser", AccessString="off ~* +@all"), ""),
    "the user is not on": (lambda scene: scene.change("StoreUser", AccessString="~* +@all"), ""),
}
"""Mistakes of the template, and a part of the reason why the door refuses a token; empty if no token is checked."""


@pytest.mark.parametrize("mistake", TEMPLATES)
def test_a_mistake_in_the_template_keeps_the_function_out(scene: StoreScene, connect: Connect, mistake: str) -> None:
    change, reason = TEMPLATES[mistake]
    change(scene)
    before = len(scene.door.refusals)
    with pytest.raises(StoreUnavailable, match="refused the login"):
        connect().ping(soon())
    refusals = scene.door.refusals[before:]
    assert all(reason in refusal for refusal in refusals)
    assert refusals or not reason


def test_a_user_whose_id_is_not_its_name_cannot_log_in_by_iam(scene: StoreScene, connect: Connect) -> None:
    scene.change("StoreUser", UserId="another")
    scene.change("StoreUsers", UserIds=["another"])
    with pytest.raises(StoreUnavailable, match="refused the login"):
        connect().ping(soon())
    assert "differ" in scene.door.refusals[-1]


TOKENS: dict[str, tuple[Callable[[StoreScene], str | bytes], str]] = {
    "of another cache": (lambda scene: token(scene, cache="another"), "the cache is another"),
    "of another user": (lambda scene: token(scene, user="another"), "User is another"),
    "of the other kind of cache": (lambda scene: token(scene, serverless=scene.kind != "serverless"), "ResourceType"),
    "of another region": (lambda scene: token(scene, region="us-east-1"), "valid region"),
    "with a changed user": (
        lambda scene: token(scene, user="another").replace("User=another", f"User={USER}"),
        "SignatureDoesNotMatch",
    ),
    "no token": (lambda scene: "secret", "no presigned request"),
    "not text": (lambda scene: b"\xff", "no presigned request"),
}
"""Wrong tokens, and a part of the reason for the refusal."""


@pytest.mark.parametrize("kind", TOKENS)
def test_a_wrong_token_is_refused_as_valkey_words_it(scene: StoreScene, kind: str) -> None:
    make, reason = TOKENS[kind]
    with (
        client(scene, username=USER, password=make(scene)) as refused,
        pytest.raises(AuthenticationError, match=WRONGPASS),
    ):
        refused.ping()
    assert reason in scene.door.refusals[-1]


@pytest.mark.parametrize(
    ("passed", "refused"),
    [(15 * MINUTE - MINUTE, False), (15 * MINUTE + MINUTE, True), (-4 * MINUTE, False), (-6 * MINUTE, True)],
)
def test_a_token_is_valid_for_a_quarter_of_an_hour(scene: StoreScene, passed: timedelta, refused: bool) -> None:
    text = token(scene)
    scene.ahead = passed
    with client(scene, username=USER, password=text) as connected:
        if refused:
            with pytest.raises(AuthenticationError):
                connected.ping()
            assert "Signature expired" in scene.door.refusals[-1]
        else:
            assert connected.ping()


def test_a_token_for_longer_is_refused(scene: StoreScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elasticache_auth, "VALID_SECONDS", MAX_EXPIRES_SECONDS + 1)
    with client(scene, username=USER, password=token(scene)) as refused, pytest.raises(AuthenticationError):
        refused.ping()
    assert "X-Amz-Expires" in scene.door.refusals[-1]


def test_a_token_of_somebody_else_s_credentials_is_refused(scene: StoreScene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.authority.put_managed_policy("arn:aws:iam::123456789012:policy/none", policy_for_nothing())
    others = scene.authority.assume_with_policy_arns("publisher", ["arn:aws:iam::123456789012:policy/none"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", others.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", others.secret_access_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", others.session_token)
    with client(scene, username=USER, password=token(scene)) as refused, pytest.raises(AuthenticationError):
        refused.ping()
    assert "assumed-role/publisher/publisher may not perform elasticache:Connect" in scene.door.refusals[-1]


def policy_for_nothing() -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::nothing/*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_without_a_login_nothing_is_allowed(scene: StoreScene) -> None:
    with client(scene) as anybody:
        for command in ("PING", "CLUSTER SLOTS", "ACL WHOAMI", "HELLO 3"):
            with pytest.raises(AuthenticationError, match=r"^(Authentication required|HELLO must be called)"):
                anybody.execute_command(*command.split())


@pytest.mark.parametrize("credentials", [("default", "anything"), ("devstack-store-door", "anything")])
def test_no_other_user_can_log_in(scene: StoreScene, credentials: tuple[str, str]) -> None:
    name, password = credentials
    with client(scene, username=name, password=password) as refused, pytest.raises(AuthenticationError):
        refused.ping()


def test_plain_tcp_is_refused(scene: StoreScene) -> None:
    with client(scene, ssl=False, username=USER, password=token(scene)) as plain, pytest.raises(redis.ConnectionError):
        plain.ping()


def test_another_certificate_is_not_trusted(scene: StoreScene) -> None:
    context = ssl.create_default_context()
    with socket.create_connection((scene.address, 6379)) as line, pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(line, server_hostname=scene.host)

"""The door around its Valkey: what it needs at its start, and what happens to it later."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from redis import AuthenticationError, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from devstack.cloud.iam.authority import Authority
from devstack.cloud.network.certificates import CertificateAuthority
from devstack.cloud.resources import Deployment
from devstack.cloud.store_door.door import StoreDoor
from devstack.processes.children import LOOPBACK, Children
from devstack.processes.listener import listen
from tests.devstack.cloud.store_door.scene import ACCOUNT, StoreScene
from tests.devstack.cloud.store_door.test_cache import small
from tests.devstack.cloud.store_door.test_login import USER, client, token
from tests.nextitem.valkey_server import OwnValkey

PASSWORD = {"AuthenticationMode": {"Type": "password", "Passwords": ["the password of app"]}}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OwnValkey]:
    with Children() as children:
        yield OwnValkey(children, tmp_path)


@contextmanager
def opened(deployment: Deployment, port: int, folder: Path) -> Iterator[int]:
    """Open a door and yield its port."""
    tls = CertificateAuthority().server_context(["store"], folder)
    with StoreDoor(deployment, Authority(ACCOUNT), port) as door:
        listening = listen()
        door.open(listening, tls)
        yield int(listening.getsockname()[1])


def connect(port: int, **options: Any) -> Redis:
    return Redis(LOOPBACK, port, retry=Retry(NoBackoff(), 0), protocol=2, **options)


def untrusting() -> dict[str, Any]:
    return {"ssl": True, "ssl_cert_reqs": "none", "ssl_check_hostname": False}


def app(port: int, **options: Any) -> Redis:
    return connect(port, username="app", password="the password of app", **{**untrusting(), **options})  # noqa: S106 - of a test


def test_a_restarted_server_lets_nobody_in_without_a_login(server: OwnValkey, tmp_path: Path) -> None:
    with opened(small(PASSWORD), server.port, tmp_path) as port:
        with app(port) as logged_in:
            assert logged_in.ping()
        # WHEN the server is gone THEN connections end
        server.kill()
        with app(port) as nobody, pytest.raises(redis.ConnectionError):
            nobody.ping()
        # AND when it is back, with nothing in it, the users are as before
        server.start_again()
        with connect(port, **untrusting()) as anybody, pytest.raises(AuthenticationError, match="required"):
            anybody.ping()
        with app(port) as logged_in:
            assert logged_in.ping()


def test_a_user_that_leaves_the_template_is_logged_out(server: OwnValkey, tmp_path: Path) -> None:
    deployment = small(PASSWORD)
    with opened(deployment, server.port, tmp_path) as port, app(port) as logged_in:
        assert logged_in.ping()
        deployment.resources.update(small(PASSWORD | {"UserId": "other"}).resources)
        with app(port) as refused, pytest.raises(AuthenticationError):
            refused.ping()
        with pytest.raises(redis.ConnectionError):
            logged_in.ping()


def test_without_encryption_the_door_speaks_no_tls(server: OwnValkey, tmp_path: Path) -> None:
    with opened(small(PASSWORD, TransitEncryptionEnabled=False), server.port, tmp_path) as port:
        with app(port, ssl=False) as plain:
            assert plain.ping()
        with app(port) as encrypted, pytest.raises((redis.ConnectionError, ssl.SSLError)):
            encrypted.ping()


def test_a_wrong_access_string_is_refused_at_the_start(server: OwnValkey) -> None:
    deployment = small(PASSWORD | {"AccessString": "on ~* +@all +no-such-command"})
    with (
        pytest.raises(ValueError, match=r"access string of app is refused: .*no-such-command"),
        StoreDoor(deployment, Authority(ACCOUNT), server.port),
    ):
        pass


@pytest.mark.slow
def test_a_server_without_a_cluster_cannot_be_a_serverless_cache(
    scenes: dict[str, StoreScene], server: OwnValkey
) -> None:
    with (
        pytest.raises(ValueError, match="must be started with `server_options`"),
        StoreDoor(scenes["serverless"].deployment, Authority(ACCOUNT), server.port),
    ):
        pass


def test_a_policy_that_is_not_modelled_allows_nothing(scene: StoreScene) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "elasticache:Connect",
        "Resource": "*",
        "Condition": {"DateLessThan": {"aws:PrincipalAccount": "2030-01-01T00:00:00Z"}},
    }
    scene.put_role([statement])
    with client(scene, username=USER, password=token(scene)) as refused, pytest.raises(AuthenticationError):
        refused.ping()
    assert scene.door.refusals[-1].startswith(f"{USER}: ")


def test_bytes_that_are_no_command_end_the_connection(scene: StoreScene) -> None:
    with client(scene, username=USER, password=token(scene)) as function:
        connection = function.connection_pool.get_connection()
        connection.send_packed_command([b"PING\r\n"])
        with pytest.raises(redis.ConnectionError):
            connection.read_response()
    assert "does not speak the protocol" in scene.door.refusals[-1]

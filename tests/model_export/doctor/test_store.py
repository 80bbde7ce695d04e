"""The session store: login, permissions, TLS and latency, on real servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from devstack.processes.children import Children
from devstack.services.valkey import Valkey, start_valkey
from model_export.doctor.finding import Finding
from model_export.doctor.store import check_latency, check_store
from tests.nextitem.parts import REGION
from tests.nextitem.redis_server import TlsRedis


def found(url: str) -> dict[str, Finding]:
    return {finding.check: finding for finding in check_store(url, REGION)}


@pytest.fixture(scope="module")
def guarded(children: Children, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A server with a password, and a user who may only read."""
    server = start_valkey(children, tmp_path_factory.mktemp("guarded"), "--requirepass", "open")
    with Redis.from_url(server.url.replace("//", "//:open@")) as client:
        client.execute_command("ACL", "SETUSER", "reader", "on", ">open", "~*", "+@read", "+ping")
    yield server
    server.child.kill()


def test_a_login_is_checked(guarded: Valkey) -> None:
    # GIVEN a server with a password
    address = f"127.0.0.1:{guarded.port}/0"
    # THEN only that one is ok
    assert found(f"redis://:open@{address}")["store"].status == "ok"
    for wrong in (f"redis://:shut@{address}", f"redis://{address}"):
        finding = found(wrong)["store"]
        assert finding.status == "fail"
        assert "shut" not in finding.detail


def test_a_user_who_may_not_write_is_found(guarded: Valkey) -> None:
    finding = found(f"redis://reader:open@127.0.0.1:{guarded.port}/0")["store"]
    assert finding.status == "fail"
    assert "lacks a permission" in finding.detail


def test_the_probe_leaves_nothing(valkey: Valkey) -> None:
    assert {finding.status for finding in found(valkey.url).values()} == {"ok"}
    with Redis.from_url(valkey.url) as client:
        assert client.dbsize() == 0


def test_tls_is_checked(children: Children, tmp_path: Path) -> None:
    server = TlsRedis(children, tmp_path)
    try:
        assert found(server.url())["store TLS"].detail.startswith("the connection is encrypted")
        assert found(server.url(trust=False))["store"].status == "fail"
    finally:
        server.child.kill()


@pytest.mark.parametrize(("seconds", "status"), [([0.001, 0.002, 9.0], "ok"), ([0.001, 0.06, 0.07], "warn")])
def test_latency_is_compared_with_the_functions_limit(seconds: list[float], status: str) -> None:
    assert check_latency(seconds).status == status

"""The session store over TLS, with a user and a password."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.processes.children import LOOPBACK, Children
from devstack.services.tls_proxy import TlsProxy
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS, VERSION, soon
from tests.nextitem.sessions.log_contract import add, event, names
from tests.nextitem.valkey_server import OwnValkey

SHORT_SECONDS = 0.3


@pytest.fixture(scope="module")
def server(children: Children, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnValkey]:
    server = OwnValkey(children, tmp_path_factory.mktemp("tls"))
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "on", ">pass word", "~nextitem:*", "+@all")
        client.execute_command("ACL", "SETUSER", "default", "off")
    yield server
    server.kill()


@pytest.fixture(scope="module")
def line(server: OwnValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsProxy]:
    with TlsProxy(server.port, tmp_path_factory.mktemp("line"), LOOPBACK) as line:
        yield line


def connect(url: str) -> ValkeyStore:
    return ValkeyStore(parse_store_url(url), timeout=PATIENCE_SECONDS, ttl=60)


def test_a_trusted_server_is_used(line: TlsProxy, key: str) -> None:
    # GIVEN a server with TLS and a user WHEN both are in the URL
    store = connect(f"rediss://app:pass%20word@{LOOPBACK}:{line.port}/0?ssl_ca_certs={line.certificate}")
    # THEN it is a store like any other
    assert add(store, key, event("a"), event("b")).statuses == ("applied", "applied")
    assert names(store.load(key, VERSION, soon()).log) == ["a", "b"]
    store.close()


def test_a_wrong_password_is_refused(line: TlsProxy) -> None:
    store = connect(f"rediss://app:guess@{LOOPBACK}:{line.port}/0?ssl_ca_certs={line.certificate}")
    with pytest.raises(StoreUnavailable, match=r"WRONGPASS|invalid username-password"):
        store.ping(soon())


def test_a_certificate_that_nobody_vouches_for_is_refused(line: TlsProxy) -> None:
    store = connect(f"rediss://app:pass%20word@{LOOPBACK}:{line.port}/0")
    with pytest.raises(StoreUnavailable, match="certificate"):
        store.ping(soon())


def test_another_host_s_certificate_is_refused(server: OwnValkey, tmp_path: Path) -> None:
    with TlsProxy(server.port, tmp_path, "elsewhere.example") as line:
        store = connect(f"rediss://app:pass%20word@{LOOPBACK}:{line.port}/0?ssl_ca_certs={line.certificate}")
        with pytest.raises(StoreUnavailable, match=r"[Ii][Pp] address mismatch"):
            store.ping(soon())


def test_a_server_without_tls_is_not_spoken_to(server: OwnValkey) -> None:
    url = parse_store_url(f"rediss://app:pass%20word@{LOOPBACK}:{server.port}/0")
    store = ValkeyStore(url, timeout=SHORT_SECONDS, ttl=60)  # it waits for what it would call a command
    with pytest.raises(StoreUnavailable):
        store.ping(soon())

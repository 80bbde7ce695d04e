"""The session store over TLS, without a Redis that speaks TLS: `test_tls_redis` needs one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.processes.children import LOOPBACK, Children
from devstack.services.tls_proxy import TlsProxy
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.session import SessionKey
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS, VERSION, soon
from tests.nextitem.sessions.log_contract import add, event, names
from tests.nextitem.valkey_server import OwnValkey


@pytest.fixture(scope="module")
def server(children: Children, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnValkey]:
    server = OwnValkey(children, tmp_path_factory.mktemp("tls"))
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "on", ">pass word", "~nextitem:*", "+@all")
        client.execute_command("ACL", "SETUSER", "default", "off")
    yield server
    server.kill()


@pytest.fixture(scope="module")
def proxy(server: OwnValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsProxy]:
    with TlsProxy(server.port, tmp_path_factory.mktemp("proxy"), LOOPBACK) as proxy:
        yield proxy


def connect(url: str) -> ValkeyStore:
    return ValkeyStore(parse_store_url(url), timeout=PATIENCE_SECONDS, ttl=60)


def test_a_trusted_server_is_used(proxy: TlsProxy, key: SessionKey) -> None:
    store = connect(f"rediss://app:pass%20word@{LOOPBACK}:{proxy.port}/0?ssl_ca_certs={proxy.certificate}")
    assert add(store, key, event("a"), event("b")).statuses == ("applied", "applied")
    assert names(store.load(key, VERSION, soon()).log) == ["a", "b"]
    store.close()


def test_an_untrusted_certificate_is_refused(proxy: TlsProxy) -> None:
    store = connect(f"rediss://app:pass%20word@{LOOPBACK}:{proxy.port}/0")
    with pytest.raises(StoreUnavailable, match="certificate"):
        store.ping(soon())


def test_a_certificate_for_another_host_is_refused(server: OwnValkey, tmp_path: Path) -> None:
    with TlsProxy(server.port, tmp_path, "elsewhere.example") as proxy:
        store = connect(f"rediss://app:pass%20word@{LOOPBACK}:{proxy.port}/0?ssl_ca_certs={proxy.certificate}")
        with pytest.raises(StoreUnavailable, match=r"[Ii][Pp] address mismatch"):
            store.ping(soon())

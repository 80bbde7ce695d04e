"""The session store on a real Redis over TLS, as a user with a password: the contract, and what is refused."""

from collections.abc import Iterator

import pytest

from devstack.processes.children import Children
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.session import SessionStore
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS, soon
from tests.nextitem.redis_server import USER, TlsRedis
from tests.nextitem.sessions.snapshot_contract import DAY_MS
from tests.nextitem.sessions.store_contract import SessionStoreContract
from tests.nextitem.sessions.test_valkey_store import ValkeyInspector
from tests.nextitem.sessions.unavailable_store_contract import UnavailableStoreContract

SHORT_SECONDS = 0.4
"""Timeout of a store whose server takes TLS for the beginning of a command."""


@pytest.fixture(scope="module")
def server(children: Children, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsRedis]:
    server = TlsRedis(children, tmp_path_factory.mktemp("redis"))
    yield server
    server.child.kill()


@pytest.fixture(scope="module")
def store(server: TlsRedis) -> Iterator[SessionStore]:
    store = ValkeyStore(parse_store_url(server.url()), timeout=PATIENCE_SECONDS, ttl=DAY_MS / 1000)
    yield store
    store.close()


@pytest.fixture(scope="module")
def inspector(server: TlsRedis) -> Iterator[ValkeyInspector]:
    with server.client() as client:
        yield ValkeyInspector(client)


class TestRedisOverTls(SessionStoreContract):
    def test_the_connection_is_the_users_and_encrypted(self, store: SessionStore, server: TlsRedis) -> None:
        store.ping(soon())
        with server.client() as client:
            own = [each for each in client.client_list() if each["user"] == USER]
        assert own
        assert {each["laddr"].rpartition(":")[2] for each in own} == {str(server.port)}


class _Refused(UnavailableStoreContract):
    """Subclasses say what is wrong with the URL, and what the error says."""

    wrong: dict[str, object]
    words: str
    timeout = PATIENCE_SECONDS

    @pytest.fixture
    def unavailable(self, server: TlsRedis) -> Iterator[SessionStore]:
        wrong = {name: server.plain_port if value == "plain" else value for name, value in self.wrong.items()}
        store = ValkeyStore(parse_store_url(server.url(**wrong)), timeout=self.timeout, ttl=60)  # type: ignore[arg-type]  # of several types
        yield store
        store.close()

    def test_the_error_gives_the_reason_and_no_password(self, unavailable: SessionStore) -> None:
        with pytest.raises(StoreUnavailable, match=self.words) as caught:
            unavailable.ping(soon())
        assert "pass word" not in str(caught.value)


class TestWrongPassword(_Refused):
    wrong = {"password": "a guess"}  # noqa: RUF012 - a constant
    words = "refused the login"


class TestUntrustedCertificate(_Refused):
    wrong = {"trust": False}  # noqa: RUF012 - a constant
    words = "certificate"


class TestTlsToThePlainPort(_Refused):
    wrong = {"port": "plain"}  # noqa: RUF012 - a constant
    words = "session store"
    timeout = SHORT_SECONDS


class TestPlainToTheTlsPort(_Refused):
    wrong = {"scheme": "redis"}  # noqa: RUF012 - a constant
    words = "session store"
    timeout = SHORT_SECONDS

"""A session that is deleted around a rotation of the key secret stays deleted."""

from collections.abc import Iterator

import pytest

from devstack.services.valkey import Valkey
from nextitem.errors import SecretUnavailable, StoreUnavailable
from nextitem.redis_client.url import parse_store_url
from nextitem.service.recommender import Recommender
from nextitem.service.router import Router
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.keys import SessionName
from nextitem.sessions.secret_cache import TRUSTED_SECONDS
from nextitem.sessions.valkey_store import ValkeyStore
from nextitem.telemetry.record import RequestRecord
from tests.nextitem.parts import PATIENCE_SECONDS
from tests.nextitem.service.service import Service
from tests.nextitem.sessions.secret_source import OTHER, SECRET, SecretSource

MOMENT = 10_000.0
FIRST, SECOND = KeySecret(SECRET), KeySecret(OTHER, SECRET, MOMENT)


@pytest.fixture
def store(valkey: Valkey) -> Iterator[ValkeyStore]:
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=3600)
    yield store
    store.close()


def process(router: Router, store: ValkeyStore, source: SecretSource) -> Service:
    """Return the service of a process that has read the current secret of the source."""
    service = Service(router, store)
    service.recommender = Recommender(router, store, source.loaded_ring(), 2 * PATIENCE_SECONDS)
    return service


@pytest.mark.parametrize(("of_writer", "of_deleter"), [(FIRST, SECOND), (SECOND, FIRST), (SECOND, SECOND)])
def test_before_a_rotation_takes_effect_every_process_deletes_every_session(
    router: Router, store: ValkeyStore, me: str, of_writer: KeySecret, of_deleter: KeySecret
) -> None:
    writer = process(router, store, SecretSource(of_writer, MOMENT - 1))
    deleter = process(router, store, SecretSource(of_deleter, MOMENT - 1))
    writer.append(me, "tent-008", "sleep-010")
    deleter.delete(me)
    assert [each.get(me).session_length for each in (writer, deleter)] == [0, 0]


def test_a_session_deleted_while_it_moves_stays_deleted(
    router: Router, store: ValkeyStore, me: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    process(router, store, SecretSource(SECOND, MOMENT - 1)).append(me, "tent-008", "sleep-010")
    reader, deleter = (process(router, store, SecretSource(SECOND, MOMENT)) for _ in range(2))
    ask = store._execute

    def between(*command: object) -> object:
        answer = ask(*command)  # type: ignore[arg-type]  # passed on as it came
        monkeypatch.setattr(store, "_execute", ask)
        deleter.delete(me)
        return answer

    monkeypatch.setattr(store, "_execute", between)
    assert reader.get(me).session_length == 0
    assert [each.get(me).session_length for each in (reader, deleter)] == [0, 0]


def test_a_process_with_an_old_secret_deletes_nothing(router: Router, store: ValkeyStore, me: str) -> None:
    source = SecretSource(FIRST, MOMENT)
    service = process(router, store, source)
    service.append(me, "tent-008")
    source.secret, source.now = SecretUnavailable("not now"), MOMENT + TRUSTED_SECONDS
    with pytest.raises(StoreUnavailable, match="try again"):
        service.recommender.delete_session(SessionName(me), RequestRecord())
    assert service.get(me).session_length == 1

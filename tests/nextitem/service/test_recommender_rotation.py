"""A session that is deleted around a rotation of the key secret stays so, whichever process is asked, and when."""

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


def process(router: Router, store: ValkeyStore, world: SecretSource) -> Service:
    """A process that knows the world's secret as it is now."""
    service = Service(router, store)
    service.recommender = Recommender(router, store, world.loaded_ring(), 2 * PATIENCE_SECONDS)
    return service


@pytest.mark.parametrize(("one", "other"), [(FIRST, SECOND), (SECOND, FIRST), (SECOND, SECOND)])
def test_before_the_moment_any_process_deletes_what_any_other_wrote(
    router: Router, store: ValkeyStore, me: str, one: KeySecret, other: KeySecret
) -> None:
    # GIVEN processes some of which know of a rotation to come
    writer = process(router, store, SecretSource(one, MOMENT - 1))
    deleter = process(router, store, SecretSource(other, MOMENT - 1))
    writer.append(me, "tent-008", "sleep-010")
    # WHEN a session is deleted THEN it is gone for all
    deleter.delete(me)
    assert [each.get(me).session_length for each in (writer, deleter)] == [0, 0]


def test_a_session_that_is_deleted_while_it_moves_stays_so(
    router: Router, store: ValkeyStore, me: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a session from before the moment, and a request after it that moves it WHEN it is deleted meanwhile
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
    # THEN it is gone for good
    assert [each.get(me).session_length for each in (reader, deleter)] == [0, 0]


def test_who_does_not_surely_know_the_secret_deletes_nothing(router: Router, store: ValkeyStore, me: str) -> None:
    # GIVEN a process that slept for long, and cannot read the secret any more
    world = SecretSource(FIRST, MOMENT)
    service = process(router, store, world)
    service.append(me, "tent-008")
    world.secret, world.now = SecretUnavailable("not now"), MOMENT + TRUSTED_SECONDS
    # WHEN a session is to be deleted THEN that is a failure, and not done by the key of once
    with pytest.raises(StoreUnavailable, match="try again"):
        service.recommender.delete_session(SessionName(me), RequestRecord())
    assert service.get(me).session_length == 1

"""A session that is deleted around a rotation of the key secret stays deleted."""

import struct
from collections.abc import Iterator

import msgspec
import pytest
from redis import Redis

from devstack.services.valkey import Valkey
from nextitem.errors import SecretUnavailable, StoreUnavailable
from nextitem.redis_client.url import parse_store_url
from nextitem.service.recommender import Recommender
from nextitem.service.router import Router
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.keys import SessionName
from nextitem.sessions.secret_cache import RENEW_SECONDS, TRUSTED_SECONDS
from nextitem.sessions.session import IMPRESSION_SIZE
from nextitem.sessions.valkey_store import ValkeyStore
from nextitem.telemetry.record import RequestRecord
from tests.nextitem.parts import NOW, PATIENCE_SECONDS, soon
from tests.nextitem.service.service import Service, statuses
from tests.nextitem.sessions.secret_source import OTHER, SECRET, TTL, SecretSource

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


def test_a_retry_is_a_duplicate_before_during_and_after_a_rotation(router: Router, store: ValkeyStore, me: str) -> None:
    # GIVEN a session that three processes know under two keys, because one cannot read the new secret
    before, after = process(router, store, SecretSource(FIRST, MOMENT - 1)), SecretSource(SECOND, MOMENT)
    before.append(me, "tent-008")
    new = process(router, store, after)
    moved = new.append(me, "tent-008", "sleep-010")
    process(router, store, SecretSource(FIRST, MOMENT)).append(me, "tent-008", "sleep-010")

    # WHEN the events come again, then a new event after the time of the old secret
    again = new.append(me, "tent-008", "sleep-010")
    much_later = process(router, store, SecretSource(SECOND, MOMENT + TTL + RENEW_SECONDS + 1))
    last = much_later.append(me, "tent-008", "sleep-010", "tent-021")

    # THEN the session moves to the new key, and each event counts once, also for a process whose clock is late
    assert (statuses(moved), moved.session_length) == (["duplicate", "applied"], 2)
    assert (statuses(again), again.session_length) == (["duplicate"] * 2, 2)
    assert (statuses(last), last.session_length) == (["duplicate", "duplicate", "applied"], 3)
    assert statuses(new.append(me, "tent-021")) == ["duplicate"]


def test_one_session_under_two_secrets_shares_only_its_items_in_the_store(
    router: Router, store: ValkeyStore, valkey: Valkey, me: str
) -> None:
    # GIVEN the same requests under two secrets
    items, answers, contents = ["tent-008", "sleep-010", "tent-021"], [], []
    with Redis.from_url(valkey.url) as client:
        for secret in (SECRET, OTHER):
            there = set(client.keys())
            service = process(router, store, SecretSource(KeySecret(secret), MOMENT))
            answers.append(service.append(me, *items, limit=IMPRESSION_SIZE))
            [key] = set(client.keys()) - there
            contents.append(b"".join([key, *client.hgetall(key).values()]))

    # WHEN items, time, model and hidden state, which no secret hides, are taken away
    snapshot = store.load(SessionName(me).key(SECRET), answers[0].model.version, soon()).snapshot
    assert snapshot is not None
    served = answers[0].model
    ranked = [item.item_id for item in answers[0].recommendations]
    plain = [msgspec.msgpack.encode(value) for value in (served.version, served.variant, ranked)]
    plain += [snapshot.hidden.tobytes(), struct.pack(">d", NOW), *(item_id.encode() for item_id in items)]
    for known in plain:
        assert all(known in content for content in contents)
        contents = [content.replace(known, b"") for content in contents]

    # THEN no part of the rest is the same, and neither is the id of the answer
    one, other = ({content[at : at + 8] for at in range(9, len(content) - 7)} for content in contents)
    assert not one & other
    assert answers[0].recommendation_id != answers[1].recommendation_id


def test_a_session_deleted_while_it_moves_stays_deleted(
    router: Router, store: ValkeyStore, me: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    process(router, store, SecretSource(SECOND, MOMENT - 1)).append(me, "tent-008", "sleep-010")
    reader, deleter = (process(router, store, SecretSource(SECOND, MOMENT)) for _ in range(2))
    ask = store._execute

    def between(*command: object) -> object:
        answer: object = ask(*command)  # type: ignore[arg-type]  # passed on as it came
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

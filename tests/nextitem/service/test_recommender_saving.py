"""Saves run in the background: no request waits for their replies, and later requests read them."""

import pytest

from devstack.services.valkey import Valkey
from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.url import parse_store_url
from nextitem.service.background_saves import MAX_PENDING_SAVES
from nextitem.service.router import Router
from nextitem.sessions.session import Impression, PendingSave, Snapshot
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS, soon
from tests.nextitem.service.service import Service

A = "board-001"


class SlowSave:
    """A save whose answer comes when the test says so."""

    def __init__(self) -> None:
        self.here = self.settled = False

    def done(self) -> bool:
        return self.here

    def result(self, deadline: Deadline) -> bool:
        self.settled = True
        if not self.here:
            assert not deadline.remaining()  # it is given up without waiting
            raise StoreUnavailable("no answer in time")
        return True


class SlowStore(ValkeyStore):
    """A store that takes events at once and snapshots when the test says so."""

    def __init__(self, url: str) -> None:
        super().__init__(parse_store_url(url), timeout=PATIENCE_SECONDS, ttl=60)
        self.saves: list[SlowSave] = []

    def save(
        self,
        key: str,
        version: str,
        snapshot: Snapshot | None,
        deadline: Deadline,
        impression: Impression | None = None,
    ) -> PendingSave:
        self.saves.append(SlowSave())
        return self.saves[-1]


class PromptStore(SlowStore):
    """A store that has each snapshot before the next request."""

    def save(
        self,
        key: str,
        version: str,
        snapshot: Snapshot | None,
        deadline: Deadline,
        impression: Impression | None = None,
    ) -> PendingSave:
        assert ValkeyStore.save(self, key, version, snapshot, deadline, impression).result(soon())
        save = SlowSave()
        save.here = True
        self.saves.append(save)
        return save


@pytest.fixture
def store(valkey: Valkey) -> SlowStore:
    return SlowStore(valkey.url)


@pytest.mark.slow
def test_a_save_without_a_reply_is_left_to_later_requests(router: Router, store: SlowStore, me: str) -> None:
    service = Service(router, store)
    for _ in range(MAX_PENDING_SAVES):
        service.append(me, {"item_id": A})
        assert service.record.faults == []
    assert not any(save.settled for save in store.saves)

    for save in store.saves:
        save.here = True
    service.get(me)
    assert all(save.settled for save in store.saves)
    assert service.record.faults == []
    store.close()


def test_a_request_without_a_new_event_saves_nothing(router: Router, valkey: Valkey, me: str) -> None:
    store = PromptStore(valkey.url)
    service = Service(router, store)
    service.append(me, A)
    assert len(store.saves) == 1
    service.append(me, A)
    assert len(store.saves) == 1
    service.append(me, {"item_id": A})
    assert len(store.saves) == 2
    store.close()


def test_of_too_many_pending_saves_the_oldest_is_given_up(router: Router, store: SlowStore, me: str) -> None:
    service = Service(router, store)
    for _ in range(MAX_PENDING_SAVES + 2):
        service.append(me, {"item_id": A})
    assert [save.settled for save in store.saves].count(True) == 1
    assert store.saves[0].settled
    assert len(service.record.faults) == 1
    store.close()

"""The store does not answer, or `store` is false: there is an answer that says so."""

import time
from collections.abc import Sequence

import pytest

from devstack.services.valkey import Valkey
from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.url import parse_store_url
from nextitem.service.router import Router
from nextitem.service.schema import RankingOptions, SessionRequest
from nextitem.sessions.keys import SessionName
from nextitem.sessions.session import Answerer, Appended, Event, Impression, SessionRecord, Snapshot
from nextitem.sessions.valkey_store import ValkeyStore
from nextitem.telemetry.record import RequestRecord
from tests.nextitem.parts import NOW, PATIENCE_SECONDS
from tests.nextitem.service.service import Service, items, statuses
from tests.nextitem.sessions.failing_store import FailingSaving, FailingStore

A, B, C = "board-001", "care-024", "coffee-025"
"""Items that the demo model knows."""
UNKNOWN = "no such item"


@pytest.fixture
def store() -> FailingStore:
    return FailingStore()


@pytest.fixture
def service(router: Router, store: FailingStore) -> Service:
    return Service(router, store)


def faults(record: RequestRecord) -> list[str]:
    return [kind for kind, _ in record.faults]


@pytest.mark.slow
def test_events_are_answered_from_the_request_itself(service: Service, me: str) -> None:
    answer = service.append(
        me,
        {"item_id": B, "event_id": "2", "occurred_at": NOW - 1},
        {"item_id": A, "event_id": "1", "occurred_at": NOW - 2},
        {"item_id": UNKNOWN, "event_id": "3"},
        {"item_id": C, "event_id": "1", "occurred_at": NOW},
    )

    assert (answer.served_by, answer.stored, answer.session_length) == ("stateless", False, 3)
    assert answer.recommendations == service.recommend(A, B).recommendations
    assert statuses(answer) == ["applied", "applied", "unknown_item", "duplicate"]
    assert answer.session_id == me


def test_the_fault_is_recorded_and_the_store_asked_once(service: Service, store: FailingStore, me: str) -> None:
    service.append(me, A)
    assert faults(service.record) == ["StoreUnavailable"]
    assert (service.record.dimensions["served_by"], store.calls) == ("stateless", 1)


def test_without_a_known_item_popular_items_are_answered(service: Service, me: str) -> None:
    answer = service.append(me, UNKNOWN)
    assert (answer.served_by, answer.stored) == ("popular", False)
    assert answer.recommendations == service.recommend().recommendations


def test_a_session_that_cannot_be_read_gets_popular_items(service: Service, me: str) -> None:
    popular = items(service.recommend(limit=6))
    answer = service.get(me, limit=5, exclude=popular[:1])
    assert (answer.served_by, answer.session_length) == ("popular", None)
    assert items(answer) == popular[1:]
    assert faults(service.record) == ["StoreUnavailable"]


def test_filters_apply_without_the_store(service: Service, me: str) -> None:
    everything = items(service.append(me, A, limit=200))
    some = items(service.append(me, A, exclude=everything[:3], exclude_seen=True, limit=10))
    assert some == [item for item in everything[3:] if item != A][:10]


def test_a_delete_that_is_not_confirmed_is_an_error(service: Service, me: str) -> None:
    with pytest.raises(StoreUnavailable):
        service.delete(me)


def test_health_reports_the_store(service: Service, router: Router, valkey: Valkey) -> None:
    health = service.recommender.health()
    assert (health.status, health.store) == ("ok", "unavailable")
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=60)
    assert Service(router, store).recommender.health().store == "ok"
    store.close()


def test_a_request_with_store_false_calls_no_store(service: Service, store: FailingStore, me: str) -> None:
    answer = service.append(me, A, B, store=False)
    assert (answer.served_by, answer.stored, answer.session_length) == ("stateless", False, 2)
    assert answer.recommendations == service.recommend(A, B).recommendations
    assert (store.calls, service.record.faults) == (0, [])


class StrictStore(FailingStore):
    """A store that notes when each request stops waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.deadlines: list[float] = []
        self.to_connect: list[float] = []

    def append(
        self,
        key: str,
        events: Sequence[Event],
        version: str,
        now: int,
        deadline: Deadline,
        answerer: Answerer | None = None,
    ) -> Appended:
        self._note(deadline)
        raise self._unavailable()

    def load(self, key: str, version: str, deadline: Deadline) -> SessionRecord:
        self._note(deadline)
        raise self._unavailable()

    def _note(self, deadline: Deadline) -> None:
        self.deadlines.append(deadline.at)
        deadline.use_reserve()
        self.to_connect.append(deadline.at)


def test_the_store_has_half_of_the_deadline_and_nine_tenths_if_it_has_to_be_connected(router: Router, me: str) -> None:
    store = StrictStore()
    service = Service(router, store)
    before = time.monotonic()
    service.append(me, A, deadline_ms=6_000)
    service.get(me, deadline_ms=6_000)
    service.get(me)
    after = time.monotonic()
    for deadline, to_connect, half in zip(store.deadlines, store.to_connect, (3, 3, PATIENCE_SECONDS), strict=True):
        assert before + half <= deadline <= after + half
        assert before + 1.8 * half <= to_connect <= after + 1.8 * half


def test_the_wait_for_its_turn_is_a_part_of_a_request_s_deadline(router: Router, me: str) -> None:
    store = StrictStore()
    service = Service(router, store)
    request = SessionRequest(SessionName(me), RankingOptions(deadline_ms=6_000))
    before = time.monotonic()
    for milliseconds in (2_000, 9_000):  # a part, and more than all of it
        record = RequestRecord()
        record.queued = milliseconds
        service.recommender.session_recommendations(request, record)
    after = time.monotonic()
    for deadline, to_connect, half in zip(store.deadlines, store.to_connect, (2, 0), strict=True):
        assert before + half <= deadline <= after + half
        assert before + 1.8 * half <= to_connect <= after + 1.8 * half


class ForgetfulStore(ValkeyStore):
    """A store that takes events and loses every snapshot."""

    def save(
        self,
        key: str,
        version: str,
        snapshot: Snapshot | None,
        deadline: Deadline,
        impression: Impression | None = None,
    ) -> FailingSaving:
        return FailingSaving()


def test_a_lost_snapshot_only_costs_a_replay(router: Router, valkey: Valkey, me: str) -> None:
    store = ForgetfulStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=60)
    service = Service(router, store)
    service.append(me, A)
    answer = service.append(me, B)

    assert (answer.served_by, answer.stored, answer.session_length) == ("session", True, 2)
    assert answer.recommendations == service.recommend(A, B).recommendations
    service.append(me, C)
    assert faults(service.record) == ["StoreUnavailable"]
    assert service.get(me).recommendations == service.recommend(A, B, C).recommendations
    store.close()

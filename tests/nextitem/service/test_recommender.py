"""Sessions grow event by event, and every answer follows from the session's events."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from devstack.services.valkey import Valkey
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import NoModel
from nextitem.model.engine import Model
from nextitem.redis_client.url import parse_store_url
from nextitem.registry.reader import Registry
from nextitem.service.router import Router
from nextitem.sessions.keys import session_key
from nextitem.sessions.session import WINDOW
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import NOW, PATIENCE_SECONDS, SECRET, STEADY, soon
from tests.nextitem.service.service import Service, items, statuses
from tests.nextitem.sessions.failing_store import FailingStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

A, B, C = "board-001", "care-024", "coffee-025"
"""Items that the demo model knows."""
UNKNOWN = "no such item"


@pytest.fixture(scope="module")
def service(router: Router, valkey: Valkey) -> Iterator[Service]:
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=3600)
    yield Service(router, store)
    store.close()


@pytest.fixture
def bucketless(tmp_path: Path, s3_service: "S3Client") -> Router:
    """A router that finds no bucket."""
    return Router(Registry(BotoObjectStore("another", s3_service), tmp_path), "live", 30, on_fault=lambda _: None)


@pytest.mark.slow
def test_a_session_keeps_its_events(service: Service, me: str) -> None:
    first = service.append(me, A)
    second = service.append(me, B)

    assert (first.served_by, second.served_by) == ("session", "session")
    assert second.recommendations == service.recommend(A, B).recommendations
    assert second.recommendations != service.recommend(B).recommendations
    assert first.recommendations == service.recommend(A).recommendations

    # it tells of the event, the session and the model
    assert statuses(second) == ["applied"]
    assert (second.session_id, second.session_length, second.stored) == (me, 2, True)
    assert second.model == service.recommender.health().model
    assert len(second.recommendations) == 20
    scores = [item.score for item in second.recommendations]
    assert scores == sorted(scores, reverse=True)
    assert scores == [round(score, 6) for score in scores]


def test_a_repeated_event_gets_the_same_answer(service: Service, me: str) -> None:
    service.append(me, A)
    first = service.append(me, B)
    again = service.append(me, B)
    assert statuses(again) == ["duplicate"]
    assert (again.recommendations, again.session_length) == (first.recommendations, 2)


def test_a_snapshot_spares_the_next_request_the_replay(service: Service, me: str) -> None:
    version = service.append(me, A, B).model.version
    key = session_key(SECRET, me)
    assert service.store.load(key, version, soon()).replay_from()[1] == ()
    assert set(service.record.phases) == {"store_read", "replay", "scoring", "store_write"}

    service.append(me, B)
    assert set(service.record.phases) == {"store_read", "replay", "scoring", "store_write"}


@settings(STEADY, max_examples=40)
@given(st.lists(st.lists(st.integers(0, 399), min_size=1, max_size=8), min_size=1, max_size=6))
@pytest.mark.slow
def test_any_grouping_of_events_leads_to_the_same_session(
    service: Service, model: Model, requests: list[list[int]]
) -> None:
    me = uuid.uuid4().hex
    item_ids = [model.vocabulary.item_id(index) for request in requests for index in request]
    events = [{"item_id": item_id, "event_id": str(place)} for place, item_id in enumerate(item_ids)]
    sent = 0
    for request in requests:
        answer = service.append(me, *events[sent : sent + len(request)])
        sent += len(request)

    assert answer.session_length == len(item_ids)
    assert answer.recommendations == service.recommend(*item_ids).recommendations


def test_a_late_event_is_replayed_at_its_time(service: Service, me: str) -> None:
    event = {
        name: {"item_id": name, "event_id": name, "occurred_at": NOW - at} for name, at in ((A, 3), (B, 2), (C, 1))
    }
    service.append(me, event[A], event[C])
    answer = service.append(me, event[B])
    assert statuses(answer) == ["late"]
    assert answer.recommendations == service.recommend(A, B, C).recommendations
    assert answer.recommendations != service.recommend(A, C, B).recommendations


@pytest.mark.parametrize("item_id", [A, UNKNOWN])
def test_an_event_older_than_a_full_window_is_not_called_stored(service: Service, me: str, item_id: str) -> None:
    full = [{"item_id": A, "event_id": str(place), "occurred_at": NOW - place} for place in range(WINDOW)]
    before = service.append(me, *full)
    answer = service.append(me, {"item_id": item_id, "event_id": "old", "occurred_at": NOW - WINDOW})
    assert (statuses(answer), answer.session_length) == (["too_old"], before.session_length)


def test_statuses_have_the_order_of_the_request(service: Service, me: str) -> None:
    service.append(me, A)
    events: list[dict[str, Any]] = [
        {"item_id": B, "event_id": "1"},
        {"item_id": UNKNOWN, "event_id": "2", "occurred_at": NOW - 5},
        {"item_id": C, "event_id": "3", "occurred_at": NOW - 9},
        {"item_id": A, "event_id": A},
    ]
    answer = service.append(me, *events)
    assert answer.events is not None
    assert [(event.event_id, event.item_id, event.status) for event in answer.events] == [
        ("1", B, "applied"),
        ("2", UNKNOWN, "unknown_item"),
        ("3", C, "late"),
        (A, A, "duplicate"),
    ]


def test_an_unknown_item_is_stored_but_not_replayed(service: Service, me: str) -> None:
    answer = service.append(me, UNKNOWN)
    assert (statuses(answer), answer.served_by, answer.session_length) == (["unknown_item"], "popular", 1)
    assert items(answer) == items(service.recommend())

    known = service.append(me, A)
    assert (known.served_by, known.session_length) == ("session", 2)
    assert known.recommendations == service.recommend(A).recommendations
    assert [entry.item_id for entry in service.store.load(session_key(SECRET, me), "", soon()).log] == [UNKNOWN, A]

    later = service.append(me, {"item_id": UNKNOWN, "event_id": "again"})
    assert (later.served_by, later.session_length) == ("session", 3)
    assert later.recommendations == known.recommendations


def test_excluded_items_are_not_recommended(service: Service, me: str) -> None:
    everything = items(service.append(me, A, B))
    barred = [everything[0], everything[3], UNKNOWN, everything[0]]
    left = items(service.get(me, exclude=barred))
    assert left[:18] == [item for item in everything if item not in barred]
    assert len(left) == 20


def test_seen_items_can_be_excluded(service: Service, me: str) -> None:
    first, second, *_ = items(service.append(me, A))
    everything = items(service.append(me, first, second, limit=200))
    assert {A, first, second} <= set(everything)

    seen = {A, first, second}
    assert set(items(service.append(me, A, exclude_seen=True, limit=200))) & seen == set()
    assert items(service.get(me, exclude_seen=True)) == [item for item in everything if item not in seen][:20]
    assert set(items(service.recommend(*seen, exclude_seen=True, limit=200))) & seen == set()
    assert set(items(service.append(me, *seen, exclude_seen=True, limit=200, store=False))) & seen == set()


def test_candidates_can_be_ranked(service: Service, me: str) -> None:
    everything = items(service.append(me, A, limit=200))
    only = [everything[150], UNKNOWN, everything[3], everything[40], A]

    expected = [item for item in everything if item in only]
    assert items(service.get(me, only=only)) == expected
    assert items(service.append(me, A, only=only)) == expected
    assert items(service.recommend(A, only=only, limit=1)) == expected[:1]
    assert items(service.get(me, only=only, exclude=expected[:1])) == expected[1:]
    assert items(service.append(me, A, only=only, exclude_seen=True)) == [item for item in expected if item != A]

    # where nothing is known of the visitor, too
    assert set(items(service.recommend(only=only))) == set(only) - {UNKNOWN}
    assert items(service.get(me, only=[])) == []


def test_the_limit_bounds_the_number_of_items(service: Service, me: str, model: Model) -> None:
    catalogue = [model.vocabulary.item_id(index) for index in range(len(model.vocabulary))]
    service.append(me, A)
    assert len(items(service.get(me, limit=1))) == 1
    assert len(items(service.get(me, limit=200))) == 200
    few = items(service.get(me, exclude=catalogue[3:], limit=200))
    assert sorted(few) == catalogue[:3]
    assert items(service.get(me, exclude=catalogue)) == []


def test_feedback_looks_at_the_first_twenty_items_even_for_a_small_limit(service: Service, me: str) -> None:
    few = service.append(me, A, limit=1)
    best = items(service.get(me, limit=20))
    assert items(few) == best[:1]
    service.append(me, {"item_id": best[19], "recommendation_id": few.recommendation_id})
    [feedback] = service.record.feedback
    assert (feedback.rank, feedback.clicks) == (20, 1)


def test_reading_a_session_changes_nothing(service: Service, valkey: Valkey, me: str) -> None:
    appended = service.append(me, A, B)
    with Redis.from_url(valkey.url) as client:
        key = session_key(SECRET, me)
        client.pexpire(key, 60_000)
        before = client.hgetall(key)
        read = service.get(me)
        assert client.hgetall(key) == before
        assert client.pttl(key) <= 60_000
    assert read.recommendations == appended.recommendations
    assert (read.served_by, read.session_length, read.events, read.stored) == ("session", 2, None, None)


def test_a_session_that_does_not_exist_gets_popular_items(service: Service, me: str, model: Model) -> None:
    answer = service.get(me, limit=3)
    assert (answer.served_by, answer.session_length) == ("popular", 0)
    best = model.popular((), 3)
    assert items(answer) == [model.vocabulary.item_id(item.index) for item in best]
    assert [item.score for item in answer.recommendations] == pytest.approx([item.score for item in best], abs=1e-6)


def test_only_scores_of_the_model_are_measured(service: Service, me: str) -> None:
    service.get(me)  # popular items, whose scores are shares of the training data
    assert not {"top_score", "score_spread"} & service.record.values(200, 0.0, 0.0).keys()
    scores = [item.score for item in service.recommend(A, limit=3).recommendations]
    measured = service.record.values(200, 0.0, 0.0)
    assert measured["top_score"] == pytest.approx(scores[0], abs=1e-5)
    assert measured["score_spread"] == pytest.approx(scores[0] - scores[-1], abs=1e-5)


def test_a_deleted_session_is_forgotten(service: Service, me: str) -> None:
    service.append(me, A, B)
    service.delete(me)
    assert service.get(me).served_by == "popular"
    new_session = service.append(me, A)
    assert (statuses(new_session), new_session.session_length) == (["applied"], 1)
    assert new_session.recommendations == service.recommend(A).recommendations


def test_a_long_session_keeps_counting(service: Service, me: str) -> None:
    for first in range(0, 3 * WINDOW, WINDOW):
        events = [{"item_id": A, "event_id": str(number)} for number in range(first, first + WINDOW)]
        answer = service.append(me, *events)
    assert (answer.session_length, answer.served_by) == (3 * WINDOW, "session")


def test_items_alone_are_answered_without_a_store(router: Router) -> None:
    store = FailingStore()
    service = Service(router, store)
    known = service.recommend(A, UNKNOWN, B)
    assert (known.served_by, len(known.recommendations)) == ("stateless", 20)
    assert (known.session_id, known.session_length, known.events, known.stored) == (None, None, None, None)
    assert known.recommendations == service.recommend(A, B).recommendations
    assert [service.recommend(*item_ids).served_by for item_ids in ((), (UNKNOWN,))] == ["popular", "popular"]
    assert store.calls == 0


def test_without_a_model_nothing_is_answered_or_stored(bucketless: Router, me: str) -> None:
    store = FailingStore()
    service = Service(bucketless, store)
    for call in (
        lambda: service.append(me, A),
        lambda: service.get(me),
        lambda: service.recommend(A),
        service.recommender.health,
    ):
        with pytest.raises(NoModel):
            call()
    assert store.calls == 0

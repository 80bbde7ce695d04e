"""Many threads share a recommender, as in a container: each answer is that of its own session, and nothing is lost."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from devstack.services.valkey import Valkey
from nextitem.model.engine import Model
from nextitem.redis_client.url import parse_store_url
from nextitem.service.recommender import Recommender
from nextitem.service.router import Router
from nextitem.service.schema import EventsBody, EventsRequest, events_request, parse
from nextitem.service.trending import Trending
from nextitem.sessions.circuit_breaker import CircuitBreaker
from nextitem.sessions.keys import SessionName, session_key
from nextitem.sessions.valkey_store import ValkeyStore
from nextitem.telemetry.record import RequestRecord
from tests.nextitem.parts import NOW, PATIENCE_SECONDS, SECRET, soon
from tests.nextitem.service.service import fixed_keys

THREADS = 12
ROUNDS = 15
SHARED_EVERY = 3
ITEMS = ["board-001", "care-024", "coffee-025", "tent-008", "sleep-010"]


@pytest.fixture
def store(valkey: Valkey) -> Iterator[ValkeyStore]:
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=3600)
    yield store
    store.close()


def request_of(session_id: str, event_id: str, item_id: str) -> EventsRequest:
    body = f'{{"events":[{{"item_id":"{item_id}","event_id":"{event_id}"}}]}}'.encode()
    return events_request(SessionName(session_id), parse(body, EventsBody), NOW)


@pytest.mark.usefixtures("_often_switched")
@pytest.mark.slow
def test_threads_share_a_recommender(router: Router, store: ValkeyStore, model: Model) -> None:
    # GIVEN a recommender that also counts what trends: each request sends two things in the background
    guarded = CircuitBreaker(store)
    trending = Trending(guarded.trends(store.trends(uuid.uuid4().hex, 3600)), None)
    recommender = Recommender(router, guarded, fixed_keys(), 2 * PATIENCE_SECONDS, trending)
    start, run = Barrier(THREADS), uuid.uuid4().hex
    shared = f"shared-{run}"

    def visit(thread: int) -> list[RequestRecord]:
        start.wait()
        records = []
        for number in range(ROUNDS):
            own = number % SHARED_EVERY != 0
            session_id = f"{thread}-{run}" if own else shared
            records.append(record := RequestRecord())
            request = request_of(session_id, f"{thread}-{number}", ITEMS[(thread + number) % len(ITEMS)])
            answer = recommender.append_events(request, record)
            assert answer.stored
            assert answer.session_id == session_id
            assert [event.status for event in answer.events or ()] == ["applied"]
            if own:
                assert answer.session_length == number - number // SHARED_EVERY
        return records

    # WHEN many threads send events to sessions of their own and to a common one
    with ThreadPoolExecutor(THREADS) as threads:
        records = [record for visited in threads.map(visit, range(THREADS)) for record in visited]
    recommender.finish(soon())

    # THEN nothing went wrong on the way
    assert [record.faults for record in records if record.faults] == []
    # AND each session has its events once, and the snapshot of all of them
    for session_id in [shared, *(f"{thread}-{run}" for thread in range(THREADS))]:
        session = store.load(session_key(SECRET, session_id), model.version, soon())
        expected = THREADS * 5 if session_id == shared else ROUNDS - 5
        assert session.length == len({entry.tag for entry in session.log}) == expected
        assert session.snapshot is not None
        assert session.snapshot.chain == session.log[-1].chain
        clean = model.replay(None, model.vocabulary.indices(session.item_ids))
        assert np.allclose(session.snapshot.hidden, clean, atol=1e-4)
    # AND every event counts once among what trends
    assert sum(trend.score for trend in trending.trends.top(None, NOW, soon())) == pytest.approx(THREADS * ROUNDS)

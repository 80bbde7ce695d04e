"""Many requests to one session at once: every event counts once, in the store's order."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import redis

from devstack.container import Container
from devstack.publish import demo_artifact
from devstack.stack import KEY_SECRET, Stack
from nextitem.model.engine import Model
from nextitem.sessions.codec import decode_log, event_tag
from nextitem.sessions.keys import session_key
from nextitem.sessions.session import LogEntry
from tests.functions.client import PATIENT, Client, Reply, alike, named, new_session

pytestmark = pytest.mark.slow

THREADS = 8
WORKERS = 4
EVENTS_EACH = 6
SHELF = ["tent-008", "sleep-010", "stove-003", "mug-003", "espresso-013", "grinder-021", "coffee-004", "tea-010"]


@pytest.fixture(scope="module", params=["on-demand", "managed-instances", "container"])
def entry(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def stack(entry: str) -> Iterator[Stack]:
    """Several workers, or one of several processes; all have started, for else the first would do all work."""
    concurrency = WORKERS if entry == "managed-instances" else None
    workers = WORKERS if entry == "on-demand" else 1
    with Stack(artifact=demo_artifact(), max_workers=workers, concurrency=concurrency, settings=PATIENT) as stack:
        for _ in range(0 if entry == "container" else workers):
            stack.prepare()
        yield stack


@pytest.fixture(scope="module")
def client(entry: str, stack: Stack) -> Iterator[Client]:
    """Of the function, or of two processes with some threads each."""
    if entry != "container":
        yield Client(stack)
        return
    with Container(stack, workers=2) as container:
        yield Client(stack, url=container.url)


def at_once(do: Callable[[int], list[Reply]]) -> list[Reply]:
    """Call a function in several threads at once and return all results."""
    start = Barrier(THREADS)

    def run(thread: int) -> list[Reply]:
        start.wait()
        return do(thread)

    with ThreadPoolExecutor(THREADS) as threads:
        return [reply for replies in threads.map(run, range(THREADS)) for reply in replies]


def stored_log(stack: Stack, session_id: str) -> tuple[LogEntry, ...]:
    with redis.Redis.from_url(stack.store_url) as store:
        kept: Any = store.hget(session_key(KEY_SECRET.encode(), session_id), "log")
    return decode_log(kept)[1]


def replayed(model: Model, items: list[str]) -> list[tuple[str, float]]:
    seen = model.vocabulary.indices(items)
    return named(model.top(model.replay(None, seen), (), 20, seen), model.vocabulary)


def test_events_of_many_clients_are_all_applied_once(client: Client, stack: Stack, model: Model) -> None:
    # GIVEN a visitor with eight tabs open
    session_id = new_session()

    def look(tab: int) -> list[Reply]:
        events = [{"item_id": SHELF[(tab + n) % 8], "event_id": f"tab-{tab}-look-{n}"} for n in range(EVENTS_EACH)]
        return [client.append(session_id, [event]) for event in events]

    # WHEN all send events at the same time
    replies = at_once(look)

    # THEN each event is applied and counted once
    assert [reply.statuses for reply in replies] == [["applied"]] * THREADS * EVENTS_EACH
    lengths = [reply.document["session_length"] for reply in replies]
    assert sorted(lengths) == list(range(1, THREADS * EVENTS_EACH + 1))
    # AND the log has all events, those of each tab in their order
    log = stored_log(stack, session_id)
    tags, hash_key = [entry.tag for entry in log], session_key(KEY_SECRET.encode(), session_id).hash_key
    for tab in range(THREADS):
        places = [tags.index(event_tag(hash_key, f"tab-{tab}-look-{n}")) for n in range(EVENTS_EACH)]
        assert places == sorted(places)
    assert len(log) == THREADS * EVENTS_EACH
    # AND the session's state equals a replay of that log
    items = [entry.item_id for entry in log]
    final = client.get(session_id)
    assert alike(final.items, replayed(model, items))
    assert not alike(final.items, replayed(model, items[::-1]))


def test_events_in_any_order_are_sorted_by_their_times(client: Client, stack: Stack, model: Model) -> None:
    # GIVEN events with times, distributed to eight senders
    session_id = new_session()
    events = [
        {"item_id": SHELF[n % 7], "event_id": f"look-{n}", "occurred_at": 1_768_900_000 + n}
        for n in range(THREADS * EVENTS_EACH)
    ]

    # WHEN all send their events at the same time, newest first
    replies = at_once(lambda sender: [client.append(session_id, [event]) for event in events[sender::THREADS][::-1]])

    # THEN no event is lost, and the log is in the order of the times
    assert {status for reply in replies for status in reply.statuses} <= {"applied", "late"}
    assert [entry.item_id for entry in stored_log(stack, session_id)] == [event["item_id"] for event in events]
    # AND the session's state equals a replay in that order
    final = client.get(session_id)
    assert final.document["session_length"] == len(events)
    assert alike(final.items, replayed(model, [str(event["item_id"]) for event in events]))


def test_an_event_sent_by_all_clients_is_applied_once(client: Client, stack: Stack) -> None:
    # GIVEN one event
    session_id = new_session()
    event = {"item_id": "tent-008", "event_id": "look-1"}

    # WHEN several clients send it at the same time
    replies = at_once(lambda _: [client.append(session_id, [event])])

    # THEN it is applied once, is a duplicate for the other clients, and all get the same answer
    assert sorted(reply.statuses for reply in replies) == [["applied"]] + [["duplicate"]] * (THREADS - 1)
    assert {reply.document["session_length"] for reply in replies} == {1}
    assert all(reply.items == replies[0].items for reply in replies)
    assert len(stored_log(stack, session_id)) == 1

"""The key secret is rotated in Secrets Manager: no live session is lost or left behind."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from devstack.publish import demo_artifact
from devstack.stack import Stack
from nextitem.deadline import Deadline
from nextitem.model.engine import Model
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.keys import session_key
from nextitem.sessions.session import Event
from nextitem.sessions.valkey_store import ValkeyStore
from tests.functions.client import PATIENT, Client, alike, named, session_keys, wait_until_saved

pytestmark = pytest.mark.slow

FIRST, SECOND = "the first of the secrets", "the second of the secrets"
HIKE = ["tent-008", "sleep-010", "stove-003", "mug-003", "coffee-004"]
GARBAGE: list[dict[str, str | float]] = [{"current": "short"}, {"previous": FIRST}]


@pytest.fixture(scope="module")
def stack_with_secret() -> Iterator[Stack]:
    """A stack whose key secret is in Secrets Manager."""
    with Stack(artifact=demo_artifact(), max_workers=1, secret={"current": FIRST}, settings=PATIENT) as stack:
        yield stack


@pytest.fixture
def stack(stack_with_secret: Stack) -> Stack:
    """The stack without sessions and before a rotation; its next worker reads the first secret."""
    with redis.Redis.from_url(stack_with_secret.store_url) as store:
        store.flushdb()
    stack_with_secret.put_secret({"current": FIRST})
    stack_with_secret.retire_workers()
    return stack_with_secret


@pytest.fixture
def client(stack: Stack) -> Client:
    return Client(stack)


@pytest.fixture
def store(stack: Stack) -> Iterator[Any]:
    with redis.Redis.from_url(stack.store_url) as store:
        yield store


def rotate(stack: Stack) -> None:
    """Rotate the secret; the workers that come know the new one, and the one before it."""
    stack.put_secret({"current": SECOND, "previous": FIRST, "rotated_at": time.time()})


def keys(store: Any) -> set[str]:
    """The keys of sessions; for some seconds there may be one of a deleted session, which says no more than when."""
    return {key for key in session_keys(store) if store.hkeys(key) != [b"gone"]}


def of_all(model: Model, items: list[str]) -> list[tuple[str, float]]:
    seen = model.vocabulary.indices(items)
    return named(model.top(model.replay(None, seen), (), 20, seen), model.vocabulary)


def test_a_session_keeps_all_its_events_across_a_rotation(
    stack: Stack, client: Client, store: Any, model: Model
) -> None:
    events = [{"item_id": item_id, "event_id": f"look-{n}"} for n, item_id in enumerate(HIKE)]
    client.append("me", events[:3])
    wait_until_saved(store, "me", FIRST)
    rotate(stack)
    assert client.append("me", events[3:4]).document["session_length"] == 4
    wait_until_saved(store, "me", FIRST)
    assert keys(store) == {session_key(FIRST.encode(), "me")}

    stack.retire_workers()
    assert alike(client.get("me").items, of_all(model, HIKE[:4]))  # reading moves the session
    assert keys(store) == {session_key(SECOND.encode(), "me")}
    reply = client.append("me", [events[2], events[4]])
    assert (reply.statuses, reply.document["session_length"]) == (["duplicate", "applied"], 5)
    assert (reply.document["served_by"], reply.document["stored"]) == ("session", True)
    assert alike(reply.items, of_all(model, HIKE))
    assert keys(store) == {session_key(SECOND.encode(), "me")}
    # Feedback compares recommendations before the rotation with events after it.
    labels = [record for record in client.records() if record.get("labels")]
    assert len(labels) == 2


def test_events_of_a_worker_with_the_old_secret_are_not_lost(stack: Stack, client: Client, model: Model) -> None:
    # GIVEN a session that has moved already
    client.append("me", [{"item_id": HIKE[0], "event_id": "0"}])
    rotate(stack)
    stack.retire_workers()
    assert client.append("me", [{"item_id": HIKE[1], "event_id": "1"}]).document["session_length"] == 2

    # WHEN an environment that only knows the old secret appends under the old key
    other = ValkeyStore(parse_store_url(stack.store_url), timeout=20, ttl=3600)
    now = time.time_ns() // 1_000_000
    other.append(session_key(FIRST.encode(), "me"), [Event(HIKE[2], "2")], "v", now, Deadline.after(20))
    other.close()

    # THEN the next request has that event, too
    reply = client.append("me", [{"item_id": HIKE[3], "event_id": "3"}])
    assert reply.document["session_length"] == 4
    assert alike(reply.items, of_all(model, HIKE[:4]))


@pytest.mark.parametrize("moved", [False, True])
def test_a_deleted_session_is_deleted_under_both_keys(stack: Stack, client: Client, store: Any, moved: bool) -> None:
    client.append("me", HIKE[:3])
    (old,) = keys(store)
    whole = store.dump(old)
    rotate(stack)
    stack.retire_workers()
    if moved:
        client.append("me", HIKE[3:])
        store.restore(old, 60_000, whole)
        assert len(keys(store)) == 2

    assert client.delete("me").status == 204
    assert keys(store) == set()
    assert client.get("me").document["session_length"] == 0
    assert keys(store) == set()


def test_without_the_secret_answers_are_stateless() -> None:
    with Stack(artifact=demo_artifact(), max_workers=1, secret=GARBAGE[0], settings=PATIENT) as stack:
        client = Client(stack)

        appended, got, health = client.append("me", HIKE), client.get("me"), client.request("GET", "/v1/health")
        assert (appended.status, appended.document["served_by"], appended.document["stored"]) == (
            200,
            "stateless",
            False,
        )
        assert (got.status, got.document["served_by"]) == (200, "popular")
        assert client.recommend(HIKE).document["served_by"] == "stateless"
        assert health.status == 200
        assert client.delete("me").status == 503
        # metrics and log say why
        of_operation = {
            record["operation"]: record["store_faults"] for record in client.records() if "operation" in record
        }
        assert of_operation == {
            "append_events": 1,
            "get_recommendations": 1,
            "health": 0,
            "recommend": 0,
            "delete_session": 1,
        }
        assert any("the key secret is invalid: ValueError" in line for line in stack.log_lines())
        assert not any("short" in line for line in stack.log_lines())

        stack.put_secret({"current": FIRST})
        reply = client.until(lambda: client.append("me", HIKE), lambda reply: reply.document["stored"])
        assert (reply.document["served_by"], reply.document["session_length"]) == ("session", len(HIKE))
        assert len(stack.cold_starts) == 1


@pytest.mark.parametrize("at_restore", [None, GARBAGE[0]], ids=["readable", "unreadable"])
def test_a_restored_process_reads_the_secret_again(at_restore: dict[str, str | float] | None) -> None:
    ancient: dict[str, str | float] = {"current": "an ancient secret"}
    with Stack(artifact=demo_artifact(), max_workers=1, snap_start=True, secret=ancient, settings=PATIENT) as stack:
        client = Client(stack)
        stack.prepare()
        if at_restore is not None:
            stack.put_secret(at_restore)
            assert not client.append("me", HIKE[:2]).document["stored"]
        rotate(stack)

        client.until(lambda: client.append("me", HIKE[:2]), lambda reply: reply.document["stored"])
        with redis.Redis.from_url(stack.store_url) as store:
            assert keys(store) == {session_key(SECOND.encode(), "me")}

"""The session store gone: recommendations still come, and what cannot be done is said."""

import json
from collections.abc import Iterator

import pytest

from devstack.publish import demo_artifact
from devstack.stack import Stack
from tests.functions.client import PATIENT, Client

SESSION = "visitor-who-was-here-before"
HIKE = ["tent-008", "sleep-010", "stove-003"]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack whose store dies after a session has been there."""
    with Stack(artifact=demo_artifact(), max_workers=1, settings=PATIENT) as stack:
        client = Client(stack)
        assert client.request("GET", "/v1/health").document["store"] == "ok"
        assert client.append(SESSION, HIKE).document["served_by"] == "session"
        stack.kill_store()
        yield stack


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client(stack)


def test_events_are_answered_from_the_request_itself(client: Client) -> None:
    # GIVEN a session that cannot be read WHEN its next event arrives
    reply = client.append(SESSION, [{"item_id": "mug-003", "event_id": "look-1"}])

    # THEN the answer goes by that event, and says so
    assert (reply.status, reply.document["served_by"], reply.document["stored"]) == (200, "stateless", False)
    assert (reply.statuses, reply.document["session_length"]) == (["applied"], 1)
    assert reply.items == client.recommend(["mug-003"]).items


def test_an_unknown_item_is_answered_by_what_is_popular(client: Client) -> None:
    # GIVEN nothing to go by WHEN an event arrives THEN the best sellers come
    reply = client.append(SESSION, ["no-such-item"])
    assert (reply.status, reply.document["served_by"], reply.statuses) == (200, "popular", ["unknown_item"])
    assert reply.items == client.recommend([]).items


def test_a_session_that_cannot_be_read_is_answered_by_what_is_popular(client: Client) -> None:
    # GIVEN a session that cannot be read WHEN asked for THEN the best sellers come, and no length is made up
    reply = client.get(SESSION)
    assert (reply.status, reply.document["served_by"]) == (200, "popular")
    assert "session_length" not in reply.document


def test_items_are_answered_as_ever(client: Client) -> None:
    # GIVEN a question that needs no store WHEN asked THEN it is answered
    assert client.recommend(HIKE).document["served_by"] == "stateless"


def test_a_session_that_may_still_be_there_is_not_said_to_be_deleted(client: Client) -> None:
    # GIVEN a session WHEN it is to be deleted THEN it is a 503, to be tried again
    reply = client.delete(SESSION)
    assert (reply.status, reply.headers["content-type"]) == (503, "application/problem+json")
    assert int(reply.headers["retry-after"]) > 0
    assert reply.document["status"] == 503
    # AND it does not tell which host was asked
    assert "127.0.0.1" not in str(reply.document)
    assert client.direct({"operation": "delete_session", "session_id": SESSION}) == reply.document


def test_health_says_so(client: Client) -> None:
    # GIVEN a function that serves WHEN asked THEN it is well, and its store is not
    reply = client.request("GET", "/v1/health")
    assert (reply.status, reply.document["status"], reply.document["store"]) == (200, "ok", "unavailable")


def test_a_function_can_even_start_without_it(client: Client, stack: Stack) -> None:
    # GIVEN no worker WHEN an event arrives THEN a new one answers
    stack.retire_workers()
    before = len(stack.cold_starts)
    assert client.append(SESSION, HIKE).document["served_by"] == "stateless"
    assert len(stack.cold_starts) == before + 1


def test_each_fault_is_counted_and_logged_without_the_session(client: Client, stack: Stack) -> None:
    # GIVEN a request that the store fails
    client.append(SESSION, HIKE)

    # WHEN the log is read
    record = client.records()[-1]
    warning = json.loads(stack.log_lines()[-1])

    # THEN the fault is counted, and is no error of ours
    assert (record["served_by"], record["store_faults"], record["server_errors"]) == ("stateless", 1, 0)
    assert (warning["level"], warning["fault"]) == ("WARNING", "StoreUnavailable")
    # AND nothing tells who it was
    log = "\n".join(stack.log_lines())
    assert [name for name in (SESSION, *HIKE, "mug-003", "no-such-item", "look-1") if name in log] == []

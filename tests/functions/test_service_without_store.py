"""The session store is down: recommendations are still answered."""

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


@pytest.mark.slow
def test_events_are_answered_from_the_request_itself(client: Client) -> None:
    reply = client.append(SESSION, [{"item_id": "mug-003", "event_id": "look-1"}])

    assert (reply.status, reply.document["served_by"], reply.document["stored"]) == (200, "stateless", False)
    assert (reply.statuses, reply.document["session_length"]) == (["applied"], 1)
    assert reply.items == client.recommend(["mug-003"]).items


@pytest.mark.slow
def test_an_unknown_item_is_answered_with_popular_items(client: Client) -> None:
    reply = client.append(SESSION, ["no-such-item"])
    assert (reply.status, reply.document["served_by"], reply.statuses) == (200, "popular", ["unknown_item"])
    assert reply.items == client.recommend([]).items


def test_a_session_that_cannot_be_read_gets_popular_items(client: Client) -> None:
    reply = client.get(SESSION)
    assert (reply.status, reply.document["served_by"]) == (200, "popular")
    assert "session_length" not in reply.document


def test_stateless_requests_do_not_need_the_store(client: Client) -> None:
    assert client.recommend(HIKE).document["served_by"] == "stateless"


def test_a_delete_that_is_not_confirmed_is_503(client: Client) -> None:
    reply = client.delete(SESSION)
    assert (reply.status, reply.headers["content-type"]) == (503, "application/problem+json")
    assert int(reply.headers["retry-after"]) > 0
    assert reply.document["status"] == 503
    # it does not tell which host was asked
    assert "127.0.0.1" not in str(reply.document)
    assert client.direct({"operation": "delete_session", "session_id": SESSION}) == reply.document
    # the fault is counted
    assert [record["store_faults"] for record in client.records()[-2:]] == [1, 1]


def test_health_reports_the_store_unavailable(client: Client) -> None:
    reply = client.request("GET", "/v1/health")
    assert (reply.status, reply.document["status"], reply.document["store"]) == (200, "ok", "unavailable")


def test_a_store_that_failed_is_left_alone_for_a_while(client: Client, stack: Stack) -> None:
    def is_left_alone() -> bool:
        client.append(SESSION, HIKE)
        return "the circuit is open" in stack.log_lines()[-1]

    assert any(is_left_alone() for _ in range(50))


def test_a_function_can_start_without_the_store(client: Client, stack: Stack) -> None:
    stack.retire_workers()
    before = len(stack.cold_starts)
    assert client.append(SESSION, HIKE).document["served_by"] == "stateless"
    assert len(stack.cold_starts) == before + 1


def test_each_fault_is_counted_and_logged_without_the_session(client: Client, stack: Stack) -> None:
    # GIVEN a request during which the store fails
    client.append(SESSION, HIKE)

    # WHEN the log is read
    record = client.records()[-1]
    warning = json.loads(stack.log_lines()[-1])

    # THEN the fault is counted, but is not an error of the service
    assert (record["served_by"], record["store_faults"], record["server_errors"]) == ("stateless", 1, 0)
    assert (warning["level"], warning["fault"]) == ("WARNING", "StoreUnavailable")
    # AND the log has no session id
    log = "\n".join(stack.log_lines())
    assert [name for name in (SESSION, *HIKE, "mug-003", "no-such-item", "look-1") if name in log] == []

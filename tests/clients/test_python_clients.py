"""The Python clients against a real stack, and against a server that answers by a script."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.common.lossy_proxy import LossyProxy
from devstack.api_gateway.jwt_authorizer import JwtAuthorizer
from devstack.publish import demo_artifact
from devstack.stack import Stack
from nextitem_client import (
    Answer,
    BearerToken,
    Delivery,
    Event,
    EventQueue,
    NoAnswer,
    NotAuthorized,
    NotStored,
    Refused,
    Retries,
    Unavailable,
)
from nextitem_client.schema import now_ms
from tests.clients.conftest import Run
from tests.clients.scripted_server import ANSWER, Reply, ScriptedServer
from tests.functions.client import PATIENT
from tests.nextitem.parts import PATIENCE_SECONDS

UNREACHABLE = "http://127.0.0.1:1"
HURRIED = Retries(timeout=0.4, attempt_timeout=0.2, attempts=2, first_pause=0.001)
PROBLEM = {"title": "Unprocessable content", "status": 422, "detail": "wrong"}


def is_append(method: str, path: str, body: bytes) -> bool:
    return path.endswith("/events")


def statuses(answer: Answer) -> list[str]:
    return [event.status for event in answer.events or ()]


@pytest.mark.slow
def test_every_operation_works(stack: Stack, run: Run, session_id: str) -> None:
    # GIVEN a session with two events
    first = run(stack.url, "append_events", session_id, [Event("tea-001"), Event("tea-002")], limit=3)
    assert (statuses(first), first.stored, len(first.recommendations)) == (["applied", "applied"], True, 3)
    # WHEN it is read, THEN the answer is that of the session
    read = run(stack.url, "get_recommendations", session_id, limit=3, exclude_seen=False)
    assert (read.session_length, read.recommendation_id) == (2, first.recommendation_id)
    best = first.recommendations[0].item_id
    ranked = run(stack.url, "get_recommendations", session_id, only=[best, "no item, a comma"], exclude=["tea-003"])
    assert [item.item_id for item in ranked.recommendations] == [best]
    # WHEN it is deleted, THEN it is empty
    assert run(stack.url, "delete_session", session_id) is None
    assert run(stack.url, "get_recommendations", session_id).served_by == "popular"
    assert run(stack.url, "recommend", ["tea-001"], limit=2).served_by == "stateless"
    assert run(stack.url, "similar", "tea-001", limit=2).served_by == "similar"
    assert run(stack.url, "similar", "a/b").served_by == "popular"
    assert run(stack.url, "trending", limit=1).recommendations
    with pytest.raises(ValueError, match="`recommend` takes it"):
        run(stack.url, "similar", "100%")
    assert run(stack.url, "health").store == "ok"


@pytest.mark.parametrize("session_id", ["visitor 1+2~ü*'()", "a:b@c;d=e&f,g#h", 'quo"ted\\'])
def test_a_session_id_of_any_form_is_one_session(stack: Stack, run: Run, session_id: str) -> None:
    assert run(stack.url, "append_events", session_id, [Event("tea-001")]).session_id == session_id
    run(stack.url, "delete_session", session_id)


@pytest.mark.parametrize("fault", ["lose answer", "lose request"])
def test_an_event_counts_once_if_the_network_drops(
    stack: Stack, run: Run, proxy: LossyProxy, session_id: str, fault: Any
) -> None:
    # GIVEN a network that drops twice: before the service has the request, or between sending and answer
    proxy.fail(fault, is_append, times=2)
    # WHEN an event is sent
    answer = run(proxy.endpoint, "append_events", session_id, [Event("tea-001")])
    # THEN the third try is answered, and the session has one event
    assert proxy.left == 0
    assert statuses(answer) == ["duplicate" if fault == "lose answer" else "applied"]
    assert run(stack.url, "get_recommendations", session_id).session_length == 1


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.slow
def test_an_offline_queue_arrives_whole_and_in_order(
    stack: Stack, run: Run, proxy: LossyProxy, session_id: str, kept: bool, tmp_path: Path
) -> None:
    # GIVEN two sessions, and a device that was offline for 70 events
    path = tmp_path / "events.sqlite3" if kept else None
    with EventQueue(path) as queue:
        for place in range(70):
            queue.add(session_id, Event(f"tea-{place % 9 + 1:03}"))
        queue.add(f"{session_id}-other", Event("tea-001"))
        offline = run(UNREACHABLE, "deliver", queue, retries=HURRIED)
        assert (offline.left, type(offline.fault), offline.answers) == (71, NoAnswer, {})
        # WHEN the network comes back, and drops the first answer even so
        proxy.fail("lose answer", is_append, times=1)
        delivery = run(proxy.endpoint, "deliver", queue, limit=2)
    # THEN each event counts once
    assert (delivery.left, delivery.fault, delivery.refused) == (0, None, 0)
    assert delivery.statuses == {"duplicate": 64, "applied": 7}
    assert delivery.answers[session_id].session_length == 70
    assert len(delivery.answers[session_id].recommendations) == 2
    # THEN the session is that of a visitor who was never offline
    start = now_ms() - 100_000
    online = [Event(f"tea-{place % 9 + 1:03}", occurred_at=start + place * 1000) for place in range(70)]
    run(stack.url, "append_events", f"{session_id}-online", online[:64])
    expected = run(stack.url, "append_events", f"{session_id}-online", online[64:])
    scores = [item.score for item in run(stack.url, "get_recommendations", session_id).recommendations]
    assert scores == pytest.approx([item.score for item in expected.recommendations], rel=1e-4)


def test_events_that_arrive_late_stand_at_their_time(stack: Stack, run: Run, session_id: str) -> None:
    # GIVEN an event in the queue, and a newer one that was sent directly
    with EventQueue() as queue:
        queue.add(session_id, Event("tea-001", occurred_at=now_ms() - 60_000))
        run(stack.url, "append_events", session_id, [Event("teapot-002")])
        # WHEN the queue is delivered
        delivery = run(stack.url, "deliver", queue)
    # THEN the event is late, and the newer one stays the newest
    assert delivery.statuses == {"late": 1}
    expected = run(stack.url, "recommend", ["tea-001", "teapot-002"])
    items = [item.item_id for item in delivery.answers[session_id].recommendations]
    assert items == [item.item_id for item in expected.recommendations]


def test_a_wrong_event_does_not_block_the_queue(stack: Stack, run: Run, session_id: str) -> None:
    # GIVEN a wrong event beside a good one, and another session with only a wrong one
    with EventQueue() as queue:
        queue.add(session_id, Event("null"))
        queue.add(session_id, Event("tea-001"))
        queue.add(f"{session_id}-wrong", Event("null"))
        # WHEN the queue is delivered
        delivery = run(stack.url, "deliver", queue)
        # THEN the wrong ones are counted, and the queue is empty
        assert (delivery.statuses, delivery.refused) == ({"invalid": 1, "applied": 1}, 1)
        assert (delivery.left, queue.dropped) == (0, {"refused": 1})


def test_wrong_options_do_not_cost_events(stack: Stack, run: Run, session_id: str) -> None:
    with EventQueue() as queue:
        queue.add(session_id, Event("tea-001"))
        delivery = run(stack.url, "deliver", queue, limit=0)
        assert (delivery.left, type(delivery.fault), queue.dropped) == (1, Refused, {})


def test_events_stay_queued_until_the_store_confirms_them(run: Run) -> None:
    replies = [Reply(200, {**ANSWER, "stored": False}), Reply(200, ANSWER)]
    with ScriptedServer(replies) as server, EventQueue() as queue:
        queue.add("me", Event("tea-001"))
        delivery = run(server.endpoint, "deliver", queue)
        assert (delivery.left, type(delivery.fault)) == (1, NotStored)
        assert delivery.answers["me"].recommendations[0].item_id == "tea-001"
        assert run(server.endpoint, "deliver", queue).left == 0
        first, second = (request.body["events"] for request in server.requests)
    assert first == second


@pytest.mark.parametrize("status", [401, 403, 404, 429, 503])
def test_no_answer_but_a_refusal_of_the_events_empties_the_queue(run: Run, status: int) -> None:
    with ScriptedServer([Reply(status, {"message": "no"})]) as server, EventQueue() as queue:
        queue.add("me", Event("tea-001"))
        delivery = run(server.endpoint, "deliver", queue, retries=HURRIED)
        assert (delivery.left, delivery.refused, queue.dropped) == (1, 0, {})
        assert delivery.fault is not None


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_service_is_tried_again(run: Run, status: int) -> None:
    with ScriptedServer([Reply(status, headers=(("Retry-After", "0"),)), Reply(200, ANSWER)]) as server:
        run(server.endpoint, "append_events", "me", [Event("tea-001")])
        first, second = (request.body for request in server.requests)
    assert first["events"] == second["events"]
    assert first["sent_at"] <= second["sent_at"]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refusal_is_raised_after_one_try(run: Run, status: int) -> None:
    with ScriptedServer([Reply(status, {**PROBLEM, "status": status})]) as server:
        with pytest.raises(Refused) as caught:
            run(server.endpoint, "append_events", "me", [Event("tea-001")])
        assert (caught.value.problem.status, len(server.requests)) == (status, 1)


def test_a_service_that_stays_busy_is_unavailable(run: Run) -> None:
    with ScriptedServer([Reply(503, headers=(("Retry-After", "70"),))]) as server:
        with pytest.raises(Unavailable) as caught:
            run(server.endpoint, "recommend", ["tea-001"])
        assert (caught.value.retry_after, len(server.requests)) == (70.0, 1)


def write_nothing(ended: threading.Event) -> Callable[[Callable[[bytes], object]], None]:
    def wait(_: object) -> None:
        ended.wait(PATIENCE_SECONDS)

    return wait


def trickle(ended: threading.Event) -> Callable[[Callable[[bytes], object]], None]:
    """Write a byte now and then: no single read ever reaches a limit of its own."""

    def write_slowly(write: Callable[[bytes], object]) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end and not ended.wait(0.02):
            write(b" ")

    return write_slowly


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", [write_nothing, trickle])
def test_the_deadline_holds_for_an_answer_that_does_not_end(run: Run, behaviour: Any) -> None:
    # GIVEN a server that sends headers, then nothing, or a byte at a time for ever
    ended = threading.Event()
    with ScriptedServer([Reply(200, behaviour(ended))]) as server:
        # WHEN it is called with a limit for each try
        with pytest.raises(NoAnswer):
            run(server.endpoint, "append_events", "me", [Event("tea-001")], retries=HURRIED)
        ended.set()
        # THEN both tries end, and each named its limit
        limits = [request.body["deadline_ms"] for request in server.requests]
    assert len(limits) == HURRIED.attempts
    assert all(0 < limit <= 200 for limit in limits)


def test_a_token_is_asked_for_at_each_try(run: Run) -> None:
    tokens = iter(["first", "second"])
    with ScriptedServer([Reply(503), Reply(200, ANSWER)]) as server:
        run(server.endpoint, "recommend", ["tea-001"], auth=BearerToken(lambda: next(tokens)))
        assert [request.headers["authorization"] for request in server.requests] == ["Bearer first", "Bearer second"]


def test_a_redirect_gets_no_token(run: Run) -> None:
    with ScriptedServer([Reply(200, ANSWER)]) as other:
        location = (("Location", other.endpoint),)
        with ScriptedServer([Reply(307, headers=location)]) as server, pytest.raises(Exception, match="status 307"):
            run(server.endpoint, "recommend", ["tea-001"], auth=BearerToken("secret"))
        assert other.requests == []


@pytest.mark.slow
def test_a_token_opens_the_sessions_of_its_subject(run: Run, session_id: str) -> None:
    # GIVEN an API with a JWT authorizer, and the same session id of two subjects
    jwt = JwtAuthorizer("https://login.example.com/", ("shop",))
    with Stack(artifact=demo_artifact(), max_workers=2, settings=PATIENT, jwt=jwt) as stack:
        alice, bob = (BearerToken(jwt.token(sub=name)) for name in ("alice", "bob"))
        # WHEN alice sends an event
        run(stack.url, "append_events", session_id, [Event("tea-001")], auth=alice)
        # THEN bob's session is another one
        assert run(stack.url, "get_recommendations", session_id, auth=alice).session_length == 1
        assert run(stack.url, "get_recommendations", session_id, auth=bob).session_length == 0
        # THEN an expired token is refused, and the queue keeps its events for a new one
        with EventQueue() as queue:
            queue.add(session_id, Event("tea-002"))
            expired = run(stack.url, "deliver", queue, auth=BearerToken(jwt.token(sub="alice", exp=0)))
            assert (expired.left, type(expired.fault)) == (1, NotAuthorized)
            delivery: Delivery = run(stack.url, "deliver", queue, auth=alice)
        assert (delivery.left, delivery.answers[session_id].session_length) == (0, 2)

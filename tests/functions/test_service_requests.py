"""What a request may ask for (how many, without which), over HTTP, and how one that cannot be answered is refused."""

from typing import Any

import pytest

from nextitem.model.engine import Model
from nextitem.service.schema import MAX_BODY_BYTES
from tests.functions.client import Client, Reply

HIKE = ["tent-008", "sleep-010", "stove-003"]
TOO_LONG = "x" * 257
LONGEST = "☕" * 256
EVENTS = "/v1/sessions/visitor-7/events"
STATELESS = "/v1/recommendations"
PROBLEM = "application/problem+json"


def ask_all(client: Client, session_id: str, **wanted: Any) -> list[Reply]:
    """The same question in each of the three ways."""
    query = {name: str(value).lower() if isinstance(value, bool) else value for name, value in wanted.items()}
    return [
        client.append(session_id, [{"item_id": item_id, "event_id": item_id} for item_id in HIKE], **wanted),
        client.get(session_id, **query),
        client.recommend(HIKE, **wanted),
    ]


@pytest.mark.parametrize("limit", [1, 7, 200])
def test_as_many_come_as_are_asked_for(client: Client, session_id: str, limit: int) -> None:
    # GIVEN a limit WHEN asked for in each way THEN so many come, the best first
    for reply in ask_all(client, session_id, limit=limit):
        scores = [score for _, score in reply.items]
        assert len(set(reply.item_ids)) == limit
        assert scores == sorted(scores, reverse=True)


def test_excluded_items_make_room_for_the_next_best(client: Client, session_id: str) -> None:
    # GIVEN the best 25
    best = client.recommend(HIKE, limit=25)

    # WHEN the first five are excluded, and one that there is not
    replies = ask_all(client, session_id, exclude=[*best.item_ids[:5], "no-such-item"])

    # THEN the other twenty come, as they were
    assert [reply.items for reply in replies] == [best.items[5:]] * 3


def test_a_query_takes_what_it_excludes_by_commas_or_one_by_one(client: Client, session_id: str) -> None:
    # GIVEN items
    first, second, third = client.get(session_id, limit=3).item_ids

    # WHEN some are joined by a comma and one is not
    reply = client.get(session_id, limit=200, exclude=[f"{first},{second}", third])

    # THEN none of them comes
    assert not {first, second, third} & set(reply.item_ids)


def test_what_was_seen_can_be_left_out(client: Client, session_id: str) -> None:
    # GIVEN a session whose own items are among the best
    best = client.recommend(HIKE, limit=200)
    assert set(HIKE) & set(best.item_ids[:20])

    # WHEN those seen are not wanted THEN the next best come instead
    unseen = [item for item in best.items if item[0] not in HIKE][:20]
    assert [reply.items for reply in ask_all(client, session_id, exclude_seen=True)] == [unseen] * 3


@pytest.mark.parametrize("item_ids", [HIKE, []])
def test_where_everything_is_excluded_nothing_is_left(client: Client, model: Model, item_ids: list[str]) -> None:
    # GIVEN a catalogue WHEN all of it but one item is excluded THEN that one comes, known visitor or not
    catalogue = [model.vocabulary.item_id(index) for index in range(len(model.vocabulary))]
    assert client.recommend(item_ids, exclude=catalogue[1:]).item_ids == catalogue[:1]
    assert client.recommend(item_ids, exclude=catalogue).item_ids == []


def test_a_deadline_is_no_reason_to_fail(client: Client, session_id: str) -> None:
    # GIVEN next to no time WHEN asked in each way THEN there are twenty items all the same
    for reply in ask_all(client, session_id, deadline_ms=1):
        assert (reply.status, len(reply.items)) == (200, 20)


def test_ids_are_taken_as_they_are(client: Client) -> None:
    # GIVEN the longest ids, in several scripts, with what means something in a URL or in JSON
    session_id, item_id, event_id = LONGEST, ' "a\\b/?#%2F&é\n\u0000', "🛒" * 256

    # WHEN used THEN they come back unchanged
    reply = client.append(session_id, [{"item_id": item_id, "event_id": event_id}])
    assert (reply.status, reply.document["session_id"]) == (200, session_id)
    assert reply.document["events"] == [{"event_id": event_id, "item_id": item_id, "status": "unknown_item"}]
    assert client.get(session_id).document["session_length"] == 1
    assert client.delete(session_id).status == 204


@pytest.mark.parametrize("body", [b"{", b"not JSON", b'\xff{"events":[]}', b'{"events":[{"item_id":"\\ud800"}]}'])
@pytest.mark.parametrize("target", [EVENTS, STATELESS])
def test_what_is_not_json_is_malformed(client: Client, target: str, body: bytes) -> None:
    # GIVEN a body that cannot be read WHEN sent THEN it is a 400
    assert_problem(client.request("POST", target, body), 400, None)


def test_no_body_is_an_empty_object(client: Client) -> None:
    # GIVEN no body at all WHEN sent THEN events are missing, and items need not be there
    assert_problem(client.request("POST", EVENTS, b""), 422, "events")
    assert client.request("POST", STATELESS, b"").document["served_by"] == "popular"


def event(**fields: Any) -> dict[str, Any]:
    return {"events": [{"item_id": "tent-008"}, {"item_id": "tent-008", **fields}]}


def asking(**fields: Any) -> dict[str, Any]:
    return {"events": [{"item_id": "tent-008"}], **fields}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], None),
        ({}, "events"),
        ({"events": []}, "events"),
        ({"events": [{"item_id": "tent-008"}] * 65}, "events"),
        ({"events": {"item_id": "tent-008"}}, "events"),
        ({"events": [{"item_id": "tent-008"}, {}]}, "events[1].item_id"),
        ({"events": ["tent-008"]}, "events[0]"),
        (event(item_id=8), "events[1].item_id"),
        (event(item_id=None), "events[1].item_id"),
        (event(item_id=""), "events[1].item_id"),
        (event(item_id=TOO_LONG), "events[1].item_id"),
        (event(event_id=8), "events[1].event_id"),
        (event(event_id=TOO_LONG), "events[1].event_id"),
        (event(occurred_at="yesterday"), "events[1].occurred_at"),
        (asking(limit=0), "limit"),
        (asking(limit=201), "limit"),
        (asking(limit="20"), "limit"),
        (asking(limit=1.5), "limit"),
        (asking(exclude="mug-003"), "exclude"),
        (asking(exclude=["mug-003", 3]), "exclude[1]"),
        (asking(exclude=["mug-003"] * 501), "exclude"),
        (asking(exclude_seen="true"), "exclude_seen"),
        (asking(deadline_ms=0), "deadline_ms"),
        (asking(store="no"), "store"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_path(client: Client, session_id: str, body: Any, field: str) -> None:
    # GIVEN a session
    client.append(session_id, ["tent-008"])

    # WHEN events that do not fit are sent THEN it is a 422 that names what does not
    assert_problem(client.request("POST", f"/v1/sessions/{session_id}/events", body), 422, field)
    # AND none of them has been appended
    assert client.get(session_id).document["session_length"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"item_ids": ["tent-008"] * 65}, "item_ids"),
        ({"item_ids": ["tent-008", TOO_LONG]}, "item_ids[1]"),
        ({"item_ids": "tent-008"}, "item_ids"),
        ({"item_ids": [], "limit": 0}, "limit"),
    ],
)
def test_the_stateless_route_refuses_alike(client: Client, body: Any, field: str) -> None:
    # GIVEN items that do not fit WHEN asked about THEN it is a 422 that names what does not
    assert_problem(client.request("POST", STATELESS, body), 422, field)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "many"}, "limit"),
        ({"limit": ""}, "limit"),
        ({"limit": 201}, "limit"),
        ({"exclude": TOO_LONG}, "exclude[0]"),
        ({"exclude_seen": "perhaps"}, "exclude_seen"),
        ({"deadline_ms": -1}, "deadline_ms"),
    ],
)
def test_a_query_is_refused_alike(client: Client, session_id: str, query: dict[str, Any], field: str) -> None:
    # GIVEN a query that does not fit WHEN asked THEN it is a 422 that names the parameter
    assert_problem(client.get(session_id, **query), 422, field)


def test_a_session_id_that_is_too_long_is_refused(client: Client) -> None:
    # GIVEN a session id over the limit WHEN used in any way THEN it is a 422 that says which
    for reply in (client.append(TOO_LONG, HIKE), client.get(TOO_LONG), client.delete(TOO_LONG)):
        assert_problem(reply, 422, "session_id")


def test_a_body_may_have_256_kib_and_no_more(client: Client) -> None:
    # GIVEN bodies of the largest size and of one byte more
    largest = b'{"item_ids":["tent-008"]}'.ljust(MAX_BODY_BYTES)
    assert MAX_BODY_BYTES == 262_144

    # WHEN sent THEN the one is answered and the other refused
    assert client.request("POST", STATELESS, largest).status == 200
    assert_problem(client.request("POST", STATELESS, largest + b" "), 413, None)
    assert_problem(client.request("POST", EVENTS, largest + b" "), 413, None)


@pytest.mark.parametrize(("method", "target"), [("GET", "/"), ("GET", "/v1/health/"), ("POST", "/v1/sessions//events")])
def test_no_route_is_not_found(client: Client, method: str, target: str) -> None:
    # GIVEN a path of no operation WHEN requested THEN it is a 404
    assert_problem(client.request(method, target), 404, None)


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("GET", EVENTS, "POST"),
        ("PUT", STATELESS, "POST"),
        ("GET", "/v1/sessions/a", "DELETE"),
        ("POST", "/v1/health", "GET"),
    ],
)
def test_another_method_is_refused_with_the_right_one(client: Client, method: str, target: str, allow: str) -> None:
    # GIVEN a path that takes another method WHEN requested THEN it is a 405 that says which
    reply = client.request(method, target)
    assert_problem(reply, 405, None)
    assert reply.headers["allow"] == allow


def assert_problem(reply: Reply, status: int, field: str | None) -> None:
    """It is a problem document (RFC 9457) with this status, which blames this field."""
    assert (reply.status, reply.headers["content-type"]) == (status, PROBLEM)
    assert reply.document["status"] == status
    assert reply.document["title"]
    assert reply.document["detail"]
    blamed = [{"field": field, "detail": reply.document["detail"]}]
    assert reply.document.get("errors") == (None if field is None else blamed)

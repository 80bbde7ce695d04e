"""Options of requests over HTTP, and how wrong requests are refused."""

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


@pytest.fixture
def client(client_of_either: Client) -> Client:
    """Of both entry points."""
    return client_of_either


def ask_all(client: Client, session_id: str, **wanted: Any) -> list[Reply]:
    """The same question in each of the three ways."""
    query = {name: str(value).lower() if isinstance(value, bool) else value for name, value in wanted.items()}
    return [
        client.append(session_id, [{"item_id": item_id, "event_id": item_id} for item_id in HIKE], **wanted),
        client.get(session_id, **query),
        client.recommend(HIKE, **wanted),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1, 7, 200])
def test_the_limit_sets_the_number_of_items(client: Client, session_id: str, limit: int) -> None:
    for reply in ask_all(client, session_id, limit=limit):
        scores = [score for _, score in reply.items]
        assert len(set(reply.item_ids)) == limit
        assert scores == sorted(scores, reverse=True)


@pytest.mark.slow
def test_excluded_items_make_room_for_the_next_best(client: Client, session_id: str) -> None:
    # GIVEN the best 25
    best = client.recommend(HIKE, limit=25)

    # WHEN the first five and an unknown item are excluded
    replies = ask_all(client, session_id, exclude=[*best.item_ids[:5], "no-such-item"])

    # THEN the other twenty follow, unchanged
    assert [reply.items for reply in replies] == [best.items[5:]] * 3


def test_a_query_repeats_the_name_for_each_excluded_item(client: Client, session_id: str) -> None:
    best = client.get(session_id, limit=3).item_ids
    assert not set(best) & set(client.get(session_id, limit=200, exclude=best).item_ids)


def test_seen_items_can_be_excluded(client: Client, session_id: str) -> None:
    best = client.recommend(HIKE, limit=200)
    assert set(HIKE) & set(best.item_ids[:20])

    unseen = [item for item in best.items if item[0] not in HIKE][:20]
    assert [reply.items for reply in ask_all(client, session_id, exclude_seen=True)] == [unseen] * 3


@pytest.mark.parametrize("item_ids", [HIKE, []])
def test_with_everything_excluded_no_item_is_answered(client: Client, model: Model, item_ids: list[str]) -> None:
    catalogue = [model.vocabulary.item_id(index) for index in range(len(model.vocabulary))]
    assert client.recommend(item_ids, exclude=catalogue[1:]).item_ids == catalogue[:1]
    assert client.recommend(item_ids, exclude=catalogue).item_ids == []


def test_a_short_deadline_is_not_an_error(client: Client, session_id: str) -> None:
    for reply in ask_all(client, session_id, deadline_ms=1):
        assert (reply.status, len(reply.items)) == (200, 20)


def test_ids_are_not_changed(client: Client) -> None:
    session_id, item_id, event_id = LONGEST, ' "a\\b/?#%2F&é,+;', "🛒" * 256

    reply = client.append(session_id, [{"item_id": item_id, "event_id": event_id}])
    assert (reply.status, reply.document["session_id"]) == (200, session_id)
    assert reply.document["events"] == [{"event_id": event_id, "item_id": item_id, "status": "unknown_item"}]
    assert client.get(session_id).document["session_length"] == 1
    assert client.delete(session_id).status == 204


@pytest.mark.parametrize("target", [EVENTS, STATELESS])
def test_a_body_that_is_not_json_is_malformed(client: Client, target: str) -> None:
    assert_problem(client.request("POST", target, b"{"), 400, None)


def test_no_body_is_an_empty_object(client: Client) -> None:
    assert_problem(client.request("POST", EVENTS, b""), 422, "events")
    assert client.request("POST", STATELESS, b"").document["served_by"] == "popular"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], None),
        ({"events": [{"item_id": "tent-008"}, {"item_id": 8}]}, "events[1].item_id"),
        ({"events": [{"item_id": "tent-008"}], "limit": 201}, "limit"),
    ],
)
def test_a_wrong_field_is_named(client: Client, session_id: str, body: Any, field: str) -> None:
    client.append(session_id, ["tent-008"])

    assert_problem(client.request("POST", f"/v1/sessions/{session_id}/events", body), 422, field)
    # none of them has been appended
    assert client.get(session_id).document["session_length"] == 1


def test_invalid_events_can_be_skipped(client: Client, session_id: str) -> None:
    events = [{"item_id": 8}, {"item_id": "tent-008", "event_id": "1"}, {"item": "x", "event_id": "2"}]
    reply = client.append(session_id, events, on_invalid="skip")

    assert reply.statuses == ["invalid", "applied", "invalid"]
    assert [event.get("field") for event in reply.document["events"]] == ["events[0].item_id", None, "events[2].item"]
    assert [event["event_id"] for event in reply.document["events"]] == [None, "1", "2"]
    assert reply.document["session_length"] == 1


def test_harmless_forms_of_a_body_are_accepted(client: Client) -> None:
    plain = client.recommend(HIKE, limit=3)
    marked = b'\xef\xbb\xbf{"item_ids": ["tent-008", "sleep-010", "stove-003"], "limit": 3.0, "only": null}'
    assert client.request("POST", STATELESS, marked).items == plain.items


def test_no_answer_may_be_cached(client: Client, session_id: str) -> None:
    replies = [client.append(session_id, HIKE), client.get(session_id), client.get(session_id, limit=0)]
    replies += [client.request("GET", "/v2"), client.request("GET", "/v1/health"), client.delete(session_id)]
    assert [reply.headers.get("cache-control") for reply in replies] == ["no-store"] * 6


def test_a_wrong_field_of_a_stateless_request_is_named(client: Client) -> None:
    assert_problem(client.request("POST", STATELESS, {"item_ids": ["tent-008", TOO_LONG]}), 422, "item_ids[1]")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "many"}, "limit"),
        ({"exclude": TOO_LONG}, "exclude[0]"),
        ({"exclude_seen": "perhaps"}, "exclude_seen"),
        ({"deadline_ms": -1}, "deadline_ms"),
        ({"exclude_sen": "true"}, "exclude_sen"),
        ({"limit": [5, 7]}, "limit"),
        ({"k": 3}, "k"),
    ],
)
def test_a_wrong_query_parameter_is_named(client: Client, session_id: str, query: dict[str, Any], field: str) -> None:
    assert_problem(client.get(session_id, **query), 422, field)


@pytest.mark.parametrize("session_id", [TOO_LONG, "a/b", "a\ufffd", ".."])
def test_a_wrong_session_id_is_refused_by_every_request(client: Client, session_id: str) -> None:
    direct = client.direct({"operation": "append_events", "session_id": session_id, "events": [{"item_id": "a"}]})
    for reply in (client.append(session_id, HIKE), client.get(session_id), client.delete(session_id)):
        assert_problem(reply, 422, "session_id")
        assert reply.document == direct


def test_a_body_may_have_256_kib_and_no_more(client: Client) -> None:
    largest = b'{"item_ids":["tent-008"]}'.ljust(MAX_BODY_BYTES)
    assert MAX_BODY_BYTES == 262_144

    assert client.request("POST", STATELESS, largest).status == 200
    assert_problem(client.request("POST", STATELESS, largest + b" "), 413, None)


@pytest.mark.parametrize(("method", "target"), [("GET", "/"), ("GET", "/v1/health/"), ("POST", "/v1/sessions//events")])
def test_a_path_without_an_operation_is_not_found(client: Client, method: str, target: str) -> None:
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
def test_a_wrong_method_is_refused_with_the_right_ones(client: Client, method: str, target: str, allow: str) -> None:
    reply = client.request(method, target)
    assert_problem(reply, 405, None)
    assert reply.headers["allow"] == allow


def test_head_is_not_a_method_of_any_path(client: Client) -> None:
    reply = client.request("HEAD", "/v1/health")
    assert (reply.status, reply.headers["allow"], reply.document) == (405, "GET", None)


def assert_problem(reply: Reply, status: int, field: str | None) -> None:
    """It is a problem document (RFC 9457) with this status, which blames this field."""
    assert (reply.status, reply.headers["content-type"]) == (status, PROBLEM)
    assert reply.document["status"] == status
    assert reply.document["title"]
    assert reply.document["detail"]
    blamed = [{"field": field, "detail": reply.document["detail"]}]
    assert reply.document.get("errors") == (None if field is None else blamed)

"""Direct invokes get the answers of HTTP; all payloads in events/ are answered."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstack.processes.errors import FunctionFailed
from devstack.services.bucket import ACCESS_KEY, REGION
from devstack.stack import Stack
from http_routes import ROUTE_KEYS
from tests.events.payload import EVENT_SOURCES, OTHER_HTTP, direct_files, http_files
from tests.functions.client import Client

LOOK = {"item_id": "tent-008", "event_id": "look-1"}
WANTED = {"limit": 5, "exclude": ["stove-004"], "exclude_seen": True}
STATUSES = {"not_found": 404, "delete_session": 204}
"""Of the payloads in events/; of all others 200."""
OTHERS = ["title", "session_id", "events", "item_ids", "limit", "exclude", "exclude_seen", "deadline_ms", "store"]

EVENTS = "/v1/sessions/{}/events"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("operation", "body", "method", "target"),
    [
        ("append_events", {"events": [LOOK], **WANTED}, "POST", EVENTS),
        ("append_events", {"events": [LOOK], "store": False}, "POST", EVENTS),
        ("recommend", {"item_ids": ["tent-008"], **WANTED}, "POST", "/v1/recommendations"),
        ("health", {}, "GET", "/v1/health"),
        # and what is refused
        ("append_events", {}, "POST", EVENTS),
        ("append_events", {"events": [{"item_id": 8}]}, "POST", EVENTS),
        ("append_events", {"events": [LOOK], "padding": "x" * 300_000}, "POST", EVENTS),
        ("recommend", {"item_ids": [], "limit": 201}, "POST", "/v1/recommendations"),
    ],
)
def test_a_direct_invoke_gets_the_answer_of_http(
    client: Client, session_id: str, operation: str, body: dict[str, Any], method: str, target: str
) -> None:
    http = client.request(method, target.format(session_id), body if method == "POST" else None)
    client.delete(session_id)

    session = {"session_id": session_id} if "{}" in target else {}
    assert client.direct({"operation": operation, **session, **body}) == http.document
    assert http.document


@pytest.mark.slow
def test_a_direct_read_gets_the_answer_of_http(client: Client, session_id: str) -> None:
    client.append(session_id, ["tent-008", "sleep-010"])
    http = client.get(session_id, limit=5, exclude="stove-004", exclude_seen="true")

    assert client.direct({"operation": "get_recommendations", "session_id": session_id, **WANTED}) == http.document
    assert http.document["served_by"] == "session"


def test_a_direct_delete_answers_its_status(client: Client, session_id: str) -> None:
    client.append(session_id, ["tent-008"])

    assert client.direct({"operation": "delete_session", "session_id": session_id}) == {"status": 204}
    assert client.get(session_id).document["session_length"] == 0


@pytest.mark.parametrize(
    ("payload", "status", "field"),
    [
        ({}, 404, "operation"),
        ({"operation": "buy"}, 404, "operation"),
        (["health"], 400, None),
        (None, 400, None),
        ({"operation": "recommend", "item_ids": ["\ud800"]}, 400, None),
        ({"operation": "get_recommendations"}, 422, "session_id"),
        ({"operation": "delete_session", "session_id": 7}, 422, "session_id"),
        ({"operation": "get_recommendations", "session_id": "visitor-7", "limit": "5"}, 422, "limit"),
        ({"operation": "append_events", "session_id": "\ud800", "events": [LOOK]}, 422, "session_id"),
        ({"operation": "append_events", "sesion_id": "visitor-7", "events": [LOOK]}, 422, "sesion_id"),
        ({"operation": "recommend", "session_id": "visitor-7"}, 422, "session_id"),
        ({"operation": "health", "limit": 5}, 422, "limit"),
        ({"operation": "delete_session", "session_id": "visitor-7", "store": True}, 422, "store"),
    ],
)
def test_a_wrong_direct_invoke_gets_a_problem_document(
    client: Client, payload: Any, status: int, field: str | None
) -> None:
    problem = client.direct(payload)
    assert (problem["status"], problem.get("errors", [{}])[0].get("field")) == (status, field)
    assert problem["detail"]


def raised(client: Client, payload: Any) -> Any:
    """The error object of a direct invoke that must raise one of our errors."""
    with pytest.raises(FunctionFailed) as caught:
        client.direct(payload)
    error = json.loads(caught.value.payload)
    assert error["errorType"] == "CallFailed"
    return error


def test_an_asynchronous_invoke_raises_its_errors(client: Client, session_id: str) -> None:
    call = {"operation": "append_events", "session_id": session_id, "events": [LOOK], "on_error": "raise"}
    assert client.direct(call)["stored"] is True
    assert client.direct(call | {"store": False})["stored"] is False

    for wrong in (call | {"events": []}, call | {"operation": "append"}, call | {"session_id": "\ud800"}):
        assert raised(client, wrong)["errorMessage"].startswith("4")


@pytest.mark.parametrize("name", sorted(EVENT_SOURCES))
def test_an_event_source_gets_a_raised_error(client: Client, name: str) -> None:
    assert "are not accepted" in raised(client, EVENT_SOURCES[name])["errorMessage"]


@pytest.mark.parametrize("name", sorted(OTHER_HTTP))
def test_an_http_request_of_another_source_gets_an_http_response(client: Client, name: str) -> None:
    answer = client.direct(OTHER_HTTP[name])
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("depth", [200, 400, 600, 800, 950])
def test_a_deep_document_is_refused(stack: Stack, depth: int) -> None:
    event = f'{{"operation": "recommend", "item_ids": {"[" * depth + "]" * depth}}}'
    assert json.loads(stack.invoke(event.encode()))["status"] in {400, 422}


def test_an_invoke_that_is_too_deep_for_lambda_is_refused(client: Client, stack: Stack) -> None:
    text = b"[" * 100_000 + b"]" * 100_000
    assert client.request("POST", "/2015-03-31/functions/nextitem/invocations", text).status == 400
    with pytest.raises(FunctionFailed):
        stack.invoke(text)
    assert client.direct({"operation": "health"})["status"] == "ok"


def test_the_aws_sdk_gets_the_same_answer(client: Client, stack: Stack) -> None:
    # GIVEN boto3's Lambda client
    sdk: Any = boto3.client(
        "lambda",
        endpoint_url=stack.url,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=ACCESS_KEY,
    )
    payload = {"operation": "recommend", "item_ids": ["tent-008"]}

    # WHEN it invokes the function
    try:
        answer = sdk.invoke(FunctionName="nextitem", Payload=json.dumps(payload).encode())
        document = json.loads(answer["Payload"].read())
    finally:
        sdk.close()

    # THEN the answer equals that over HTTP
    assert (answer["StatusCode"], answer.get("FunctionError")) == (200, None)
    assert document == client.recommend(["tent-008"]).document


@pytest.mark.parametrize("path", http_files(), ids=lambda path: path.stem)
def test_each_http_payload_is_answered(client: Client, path: Path) -> None:
    answer = client.direct(json.loads(path.read_bytes()))

    assert answer["statusCode"] == STATUSES.get(path.stem, 200)
    assert ("body" in answer) == (answer["statusCode"] != 204)


@pytest.mark.parametrize("path", direct_files(), ids=lambda path: path.stem)
def test_each_direct_payload_is_answered(client: Client, path: Path) -> None:
    answer = client.direct(json.loads(path.read_bytes()))
    assert "model" in answer
    assert "title" not in answer


texts = st.text(st.characters(exclude_categories=[]), max_size=8)  # halves of surrogate pairs included
names = st.sampled_from([*OTHERS, "item_id", "event_id", "occurred_at", "on_invalid", "sent_at", "on_error"])
values = st.sampled_from(["tent-008", "skip", "raise", 20.0, 1e300, "2027-01-15T07:00:00Z", b"x".hex()])
anything = st.recursive(
    values | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | texts, inner, max_size=4),
    max_leaves=12,
)
direct_calls = st.fixed_dictionaries(
    {"operation": st.sampled_from(list(ROUTE_KEYS.values()))},
    optional=dict.fromkeys([*OTHERS, "on_invalid", "on_error"], anything),
)
event_fields = ("body", "rawPath", "rawQueryString", "pathParameters", "requestContext", "isBase64Encoded", "headers")
http_events = st.fixed_dictionaries(
    {"routeKey": st.sampled_from([*ROUTE_KEYS, "$default"]) | anything},
    optional=dict.fromkeys(event_fields, anything),
)
REFUSALS = {400, 403, 404, 405, 413, 422}


@given(payload=direct_calls | http_events | anything)
@settings(deadline=None, max_examples=100)
@pytest.mark.slow
def test_no_payload_is_an_internal_error(client: Client, payload: Any) -> None:
    try:
        answer = client.direct(payload)
    except FunctionFailed as error:
        answer = {"status": 400 if b'"CallFailed"' in error.payload else 500}
    assert answer.get("statusCode", answer.get("status", 200)) in {200, 204, "ok", *REFUSALS}


@given(body=st.binary(max_size=60) | anything.map(lambda value: json.dumps(value).encode()), append=st.booleans())
@settings(deadline=None, max_examples=100)
@pytest.mark.slow
def test_no_bytes_are_an_internal_error(client: Client, body: bytes, append: bool) -> None:
    target = EVENTS.format("visitor-fuzz") if append else "/v1/recommendations"
    assert client.request("POST", target, body).status in {200, *REFUSALS}

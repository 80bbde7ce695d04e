"""Direct invokes get the answers of HTTP; all payloads in events/ are answered."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstack.services.bucket import ACCESS_KEY, REGION
from devstack.stack import Stack
from lambda_events import ROUTE_KEYS
from tests.events.payload import direct_files, http_files
from tests.functions.client import Client

LOOK = {"item_id": "tent-008", "event_id": "look-1"}
WANTED = {"limit": 5, "exclude": ["stove-004"], "exclude_seen": True}
STATUSES = {"not_found": 404, "delete_session": 204}
"""Of the payloads in events/; of all others 200."""
OTHERS = ["title", "session_id", "events", "item_ids", "limit", "exclude", "exclude_seen", "deadline_ms", "store"]

EVENTS = "/v1/sessions/{}/events"


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

    assert client.direct({"operation": operation, "session_id": session_id, **body}) == http.document
    assert http.document


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
    ],
)
def test_a_wrong_direct_invoke_gets_a_problem_document(
    client: Client, payload: Any, status: int, field: str | None
) -> None:
    problem = client.direct(payload)
    assert (problem["status"], problem.get("errors", [{}])[0].get("field")) == (status, field)
    assert problem["detail"]


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


any_text = st.text(st.characters(exclude_categories=[]), max_size=20)  # halves of surrogate pairs included
event_fields = st.sampled_from(["item_id", "event_id", "occurred_at"])
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=[])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["item_id", "event_id", "occurred_at"]), inner)
    ),
    max_leaves=6,
)


@given(
    operation=st.sampled_from(list(ROUTE_KEYS.values())) | anything,
    fields=st.dictionaries(st.sampled_from(OTHERS) | st.text(max_size=3), anything, max_size=4),
)
@settings(deadline=None)
def test_no_payload_is_an_internal_error(client: Client, operation: Any, fields: dict[str, Any]) -> None:
    answer = client.direct({**fields, "operation": operation})
    assert answer.get("status", 200) in {200, 204, 400, 404, 413, 422, "ok"}

"""Direct invokes that look like HTTP API events are calls, or are refused."""

import contextlib
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from http_routes import ROUTE_KEYS
from lambda_events import http_call
from nextitem.errors import RequestError
from nextitem.service.schema import RankingOptions, parse


def refusal(of: dict[str, Any]) -> RequestError:
    with pytest.raises(RequestError) as caught:
        http_call(of)
    return caught.value


@pytest.mark.parametrize("subject", ["a\ud800", ["alice"], 5, {"alice": 1}])
def test_a_subject_that_is_not_unicode_is_forbidden(subject: object) -> None:
    context = {"authorizer": {"jwt": {"claims": {"sub": subject}}}}
    route = "GET /v1/sessions/{session_id}/recommendations"
    assert refusal({"routeKey": route, "requestContext": context, "pathParameters": {"session_id": "me"}}).status == 403


@pytest.mark.parametrize(
    "fields",
    [
        {"routeKey": ["GET /v1/health"]},
        {"routeKey": None},
        {"routeKey": "$default"},
        {"routeKey": "$default", "requestContext": None},
        {"routeKey": "$default", "requestContext": {"http": "PUT /"}},
        {"routeKey": "$default", "requestContext": {"http": {"method": "\ud800", "path": "/v1/health"}}},
        {"routeKey": "$default", "rawPath": 7, "requestContext": {"http": {"method": "PUT", "path": "/"}}},
        {"body": {"item_ids": []}},
        {"body": 5},
        {"body": "e30=", "isBase64Encoded": "yes"},
        {"pathParameters": ["me"]},
        {"requestContext": []},
        {"requestContext": {"authorizer": "jwt"}},
        {"requestContext": {"authorizer": {"jwt": ["sub"]}}},
        {"requestContext": {"authorizer": {"jwt": {"claims": "sub"}}}},
        {"routeKey": "GET /v1/health", "rawQueryString": {"limit": 5}},
    ],
)
def test_an_incomplete_http_event_is_malformed(fields: dict[str, Any]) -> None:
    assert refusal({"routeKey": "POST /v1/recommendations", **fields}).status == 400


def test_a_character_outside_base64_is_not_skipped() -> None:
    assert refusal({"routeKey": "POST /v1/recommendations", "body": "e3!0=", "isBase64Encoded": True}).status == 400


def test_a_stage_is_removed_only_as_a_whole_part_of_the_path() -> None:
    context = {"stage": "v", "http": {"method": "PUT", "path": "/v1/health"}}
    assert refusal({"routeKey": "$default", "requestContext": context}).status == 405


SUFFIXES = [
    "[",
    "[0",
    "[\u0661]",
    "[\u00b2]",
    "[0]]",
    "[0]x",
    "[[0]]",
    "[]]",
    "]",
    "[-1]",
    "[ 0]",
    "[0][1]",
    "[1_0]",
    "[a]",
]


@pytest.mark.parametrize("name", ["only", "exclude"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_parameter_that_only_looks_like_a_list_is_refused(name: str, suffix: str) -> None:
    query = urlencode({name: "a", f"{name}{suffix}": "b"})
    call = http_call({"routeKey": "GET /v1/sessions/{session_id}/recommendations", "rawQueryString": query})
    assert call.body == {name: ["a"], f"{name}{suffix}": "b"}
    with pytest.raises(RequestError) as caught:
        parse(call.body, RankingOptions, strict=False)
    assert caught.value.status == 422


@given(st.text("0123456789", max_size=30))
def test_any_index_of_a_list_is_accepted(index: str) -> None:
    query = urlencode({f"only[{index}]": "a"})
    call = http_call({"routeKey": "GET /v1/sessions/{session_id}/recommendations", "rawQueryString": query})
    assert call.body == {"only": ["a"]}


@pytest.mark.slow
@given(
    event=st.fixed_dictionaries(
        {"routeKey": st.sampled_from([*ROUTE_KEYS, "$default"])},
        optional={
            name: st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(st.characters()),
                lambda inner: (
                    st.lists(inner, max_size=2)
                    | st.dictionaries(st.sampled_from(["http", "method", "path", "authorizer", "jwt", "sub"]), inner)
                ),
                max_leaves=6,
            )
            for name in ("body", "rawPath", "rawQueryString", "pathParameters", "requestContext", "isBase64Encoded")
        },
    )
)
@settings(deadline=None)
def test_any_http_event_is_a_call_or_a_request_error(event: dict[str, Any]) -> None:
    with contextlib.suppress(RequestError):
        http_call(event)

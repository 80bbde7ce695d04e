"""Events have API Gateway's payload format 2.0."""

import base64
import json
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.api_gateway.http_event import HttpRequest, to_event
from devstack.api_gateway.routes import resolve


def event_of(
    target: str = "/v1/health", *headers: tuple[str, str], method: str = "GET", body: bytes = b""
) -> dict[str, Any]:
    request = HttpRequest(method, target, headers, body, "192.0.2.7")
    event: dict[str, Any] = json.loads(to_event(request, resolve(method, request.path)))
    return event


def test_a_whole_request() -> None:
    event = event_of(
        "/v1/sessions/s%20%C3%A4/events?limit=5&exclude=a&exclude=b%2Cc&flag",
        ("Host", "shop.example.com:3000"),
        ("Content-Type", "application/json; charset=utf-8"),
        ("User-Agent", "Tea/1"),
        ("X-Twice", "one"),
        ("x-twice", "two"),
        ("Cookie", "a=1; b=2"),
        method="POST",
        body='{"tea":"grün"}'.encode(),
    )

    assert event["version"] == "2.0"
    assert event["routeKey"] == "POST /v1/sessions/{session_id}/events"
    assert event["pathParameters"] == {"session_id": "s ä"}
    assert event["rawPath"] == "/v1/sessions/s ä/events"
    assert event["rawQueryString"] == "limit=5&exclude=a&exclude=b%2Cc&flag"
    assert event["queryStringParameters"] == {"limit": "5", "exclude": "a,b,c", "flag": ""}
    assert event["cookies"] == ["a=1", "b=2"]
    assert event["headers"]["x-twice"] == "one,two"
    assert "cookie" not in event["headers"]
    assert all(name == name.lower() for name in event["headers"])
    assert (event["body"], event["isBase64Encoded"]) == ('{"tea":"grün"}', False)
    context = event["requestContext"]
    assert (context["routeKey"], context["stage"]) == (event["routeKey"], "$default")
    assert context["http"] == {
        "method": "POST",
        "path": "/v1/sessions/s ä/events",
        "protocol": "HTTP/1.1",
        "sourceIp": "192.0.2.7",
        "userAgent": "Tea/1",
    }
    assert "authorizer" not in context


def test_fields_without_a_value_are_left_out() -> None:
    event = event_of("/v1/health")
    assert {"cookies", "queryStringParameters", "pathParameters", "body"}.isdisjoint(event)
    assert event["rawQueryString"] == ""
    assert event["isBase64Encoded"] is False


@pytest.mark.parametrize(
    ("headers", "is_text"),
    [
        ((("content-type", "application/json"),), True),
        ((("content-type", "text/csv; charset=utf-8"),), True),
        ((("content-type", "application/problem+json"),), True),
        ((("content-type", "application/x-www-form-urlencoded"),), False),
        ((("content-type", "application/octet-stream"),), False),
        ((("content-type", "application/json"), ("content-encoding", "gzip")), False),
        ((), False),
    ],
)
def test_a_body_is_text_by_its_content_type(headers: tuple[tuple[str, str], ...], is_text: bool) -> None:
    event = event_of("/v1/recommendations", *headers, method="POST", body=b"{}")
    assert event["isBase64Encoded"] is not is_text


@given(st.binary(min_size=1), st.sampled_from(["application/json", "text/plain", "image/png", ""]))
def test_every_body_arrives_as_it_was_sent(body: bytes, content_type: str) -> None:
    event = event_of("/", ("content-type", content_type), method="POST", body=body)
    arrived = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"].encode()
    assert arrived == body


@given(st.text(min_size=1).filter(lambda text: not {*"/%?"} & {*text}))
def test_every_session_id_arrives_decoded(session_id: str) -> None:
    target = f"/v1/sessions/{quote(session_id, safe='')}"
    assert event_of(target, method="DELETE")["pathParameters"] == {"session_id": session_id}


@given(st.lists(st.tuples(st.text(min_size=1), st.text())))
@pytest.mark.slow
def test_every_query_value_arrives(pairs: list[tuple[str, str]]) -> None:
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    event = event_of(f"/v1/health?{query}")
    assert parse_qsl(event["rawQueryString"], keep_blank_values=True) == pairs
    for name, value in pairs:
        assert value in event["queryStringParameters"][name]


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/v1/sessions/a%2Fb", "/v1/sessions/a/b", ""),
        ("/v1/sessions/a+b", "/v1/sessions/a+b", ""),
        ("/v1/sessions/a%2520b", "/v1/sessions/a b", ""),
        ("/v1/sessions/a%3Fb?c", "/v1/sessions/a", "c"),
        ("/v1/health?a=%2B+%20&a=%2F", "/v1/health", "a=%2B+%20&a=%2F"),
    ],
)
def test_the_path_is_decoded_twice_and_the_query_stays_encoded(target: str, path: str, query: str) -> None:
    event = event_of(target)
    assert (event["rawPath"], event["rawQueryString"]) == (path, query)


def test_a_query_parameter_is_decoded_as_in_a_form() -> None:
    assert event_of("/v1/health?a=%2B+%20&a=%2F&A=1")["queryStringParameters"] == {"a": "+  ,/", "A": "1"}


def test_each_cookie_header_is_split_at_semicolons_alone() -> None:
    event = event_of("/", ("Cookie", 'a="1,2"; b=3;'), ("cookie", "c=4"))
    assert event["cookies"] == ['a="1,2"', "b=3", "c=4"]


def test_a_client_cannot_hide_its_address() -> None:
    event = event_of("/", ("X-Forwarded-For", "198.51.100.1"))
    assert event["headers"]["x-forwarded-for"] == "198.51.100.1,192.0.2.7"


def test_undecodable_bytes_in_a_header_are_replaced() -> None:
    header = b"caf\xe9".decode("utf-8", "surrogateescape")

    assert event_of("/", ("X-Name", header))["headers"]["x-name"].startswith("caf")

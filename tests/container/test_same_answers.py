"""The same requests, valid and invalid, to both entry points: the same answers to the byte.

Different by nature, and left out: answers to events without ids (the service draws some, and the places of new items
follow from them), the counts of what trends (they depend on the moment), and refusals of API Gateway itself.
"""

import http.client
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from devstack.container import Container
from devstack.demo_catalogue import write_demo_catalogue
from devstack.publish import demo_artifact
from devstack.stack import Stack
from tests.functions.client import HTTP_SECONDS, PATIENT

SESSION = "visitor-7"
COMPARED = ("content-type", "cache-control", "allow", "retry-after")
GENERATED = re.compile(rb'"event_id":"[0-9a-f]{24}"')
ITEMS = ["tent-008", "sleep-010", "stove-003", "no-such-item", "shelf/7", "tëa-1", "☕", ""]


@dataclass(frozen=True)
class Sent:
    """A request as it is sent."""

    method: str
    target: str
    body: bytes | None = None
    content_type: str | None = "application/json"


@dataclass(frozen=True)
class Pair:
    """The two entry points of one store and one bucket."""

    function: str
    container: str

    def answers(self, sent: Sent) -> tuple[Any, Any]:
        """Return both answers, each to a session that has the one event before."""
        return _fresh(self.function, sent), _fresh(self.container, sent)


def _fresh(address: str, sent: Sent) -> Any:
    _ask(address, Sent("DELETE", f"/v1/sessions/{SESSION}"))
    first = b'{"events":[{"item_id":"tent-001","event_id":"first","occurred_at":1768900000}]}'
    _ask(address, Sent("POST", f"/v1/sessions/{SESSION}/events", first))
    return _ask(address, sent)


def _ask(address: str, sent: Sent) -> tuple[int, dict[str, str | None], bytes]:
    connection = http.client.HTTPConnection(address, timeout=HTTP_SECONDS)
    try:
        headers = {} if sent.content_type is None else {"content-type": sent.content_type}
        connection.request(sent.method, sent.target, sent.body, headers)
        answer = connection.getresponse()
        body = answer.read()
        drawn = GENERATED.search(body) is not None
        return answer.status, {name: answer.headers.get(name) for name in COMPARED}, b"drawn" if drawn else body
    finally:
        connection.close()


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    # Without counts of what trends: they change with time and with each request.
    with_one = {**PATIENT, "NEXTITEM_TRENDING": "false"}
    with (
        Stack(artifact=demo_artifact(), max_workers=1, settings=with_one, catalogue=write_demo_catalogue) as stack,
        Container(stack) as container,
    ):
        yield Pair(urlsplit(stack.url).netloc, urlsplit(container.url).netloc)


ids = st.sampled_from([SESSION, *ITEMS, "a/b", "%", "%2F", "a?b", ".", "..", "x" * 257, "events"])
parts = ids.map(lambda text: quote(text, safe="")) | ids.map(lambda text: quote(quote(text, safe=""), safe=""))
paths = st.one_of(
    st.builds("/v1/sessions/{}/events".format, parts),
    st.builds("/v1/sessions/{}/recommendations".format, parts),
    st.builds("/v1/sessions/{}".format, parts),
    st.builds("/v1/items/{}/similar".format, parts),
    st.sampled_from(["/v1/recommendations", "/v1/trending", "/v1/health", "/v1/health/", "/", "/v3", "//v1/health"]),
)
methods = st.sampled_from(["GET", "GET", "POST", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD"])
values = st.sampled_from(
    ["3", "0", "-1", "201", "2.5", "x", "", "true", "tent-008", "ä", '{"stock":{"gt":0}}', "{", "[1]"]
)
names = st.sampled_from(
    [
        "limit",
        "exclude",
        "exclude[]",
        "only",
        "fields",
        "filter",
        "boost",
        "after",
        "deadline_ms",
        "exclude_seen",
        "lmt",
    ]
)
queries = st.lists(st.tuples(names, values), max_size=3).map(urlencode)
odd_queries = st.sampled_from(["%ff", "limit=%zz", "&&", "="])
events = st.fixed_dictionaries(
    {
        "item_id": st.sampled_from(ITEMS) | st.sampled_from([7, None]),
        "event_id": st.sampled_from(["first", "second", "third", "fourth", "", 3, None]),
    },
    optional={
        "occurred_at": st.sampled_from([1_768_900_001, "2026-01-20T09:00:00Z", "yesterday", -1]),
        "type": st.sampled_from(["view", "cart", "purchase", "odd one!"]),
    },
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "events": st.lists(events, max_size=3),
        "item_ids": st.lists(st.sampled_from(ITEMS), max_size=3),
        "limit": st.sampled_from([1, 5, 201, "5"]),
        "filter": st.sampled_from([{"stock": {"gt": 0}}, {"no": 1}, 7]),
        "exclude": st.just(["tent-003"]),
        "store": st.booleans(),
        "lmit": st.just(1),
    },
)
bodies = documents.map(lambda document: json.dumps(document).encode()) | st.sampled_from(
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'\xef\xbb\xbf{"item_ids":[]}', b"[" * 5000, b'{"limit":1e999}', b"{}x"]
)


def _sent(method: str, path: str, query: str, body: bytes, content_type: str | None) -> Sent:
    has_body = method in {"POST", "PUT", "PATCH"} or body in {b"null", b"{"}
    return Sent(method, f"{path}?{query}" if query else path, body if has_body else None, content_type)


requests = st.builds(
    _sent,
    methods,
    paths,
    st.just("") | queries | odd_queries,
    bodies,
    st.sampled_from(["application/json", "text/plain", None]),
)
appends = st.builds(
    lambda document: Sent("POST", f"/v1/sessions/{SESSION}/events", json.dumps(document).encode()), documents
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests | appends)
@example(Sent("GET", "/v1/items/shelf%2F7/similar"))
@example(Sent("GET", "/v1/items/tent%2D008/similar?limit=3"))
@example(Sent("GET", "/v1/items/tent%252D008/similar?limit=3"))
@example(Sent("GET", f"/v1/sessions/{SESSION}/recommendations?limit=4&exclude=tent-003&exclude=tent-007"))
@example(Sent("POST", f"/v1/sessions/{SESSION}/events", b'{"events":[{"item_id":"tent-008"}]}', None))
@example(Sent("POST", "/v1/recommendations", b'{"item_ids":["tent-008"]}' + b" " * 300_000))
@example(Sent("HEAD", "/v1/health"))
@example(Sent("GET", "/v1/health"))
@example(Sent("GET", "/v1/trending?limit=3"))
def test_both_entry_points_give_the_same_answer(pair: Pair, sent: Sent) -> None:
    of_function, of_container = pair.answers(sent)

    assert of_container == of_function

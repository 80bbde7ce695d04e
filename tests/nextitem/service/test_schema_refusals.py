"""Wrong bodies are refused with a status and the path of the wrong field."""

from typing import Any

import msgspec
import pytest

from nextitem.errors import RequestError
from nextitem.ids import MAX_ID_CHARS
from nextitem.service.schema import MAX_BODY_BYTES, EventBody, EventsBody, ItemsBody, RankingOptions, parse, problem_of

ONE = {"item_id": "a"}
LONG = "x" * (MAX_ID_CHARS + 1)


def refusal(body: Any, kind: type[msgspec.Struct] = EventsBody) -> RequestError:
    """The error of a body that must be refused, in the form in which it is given."""
    with pytest.raises(RequestError) as caught:
        parse(body, kind)
    return caught.value


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "events"),
        ({"events": None}, "events"),
        ({"events": {}}, "events"),
        ({"events": []}, "events"),
        ({"events": [ONE] * 65}, "events"),
        ({"events": ["a"]}, "events[0]"),
        ({"events": [{}]}, "events[0].item_id"),
        ({"events": [{"item_id": 1}]}, "events[0].item_id"),
        ({"events": [{"item_id": None}]}, "events[0].item_id"),
        ({"events": [ONE, {"item_id": ""}]}, "events[1].item_id"),
        ({"events": [ONE, ONE, {"item_id": LONG}]}, "events[2].item_id"),
        ({"events": [ONE | {"event_id": ""}]}, "events[0].event_id"),
        ({"events": [ONE | {"event_id": 7}]}, "events[0].event_id"),
        ({"events": [ONE | {"event_id": LONG}]}, "events[0].event_id"),
        ({"events": [ONE | {"occurred_at": "yesterday"}]}, "events[0].occurred_at"),
        ({"events": [ONE | {"occurred_at": "1700000000"}]}, "events[0].occurred_at"),
        ({"events": [ONE | {"occurred_at": True}]}, "events[0].occurred_at"),
        ({"events": [ONE | {"occurred_at": []}]}, "events[0].occurred_at"),
        ({"events": [ONE], "limit": 0}, "limit"),
        ({"events": [ONE], "limit": 201}, "limit"),
        ({"events": [ONE], "limit": "20"}, "limit"),
        ({"events": [ONE], "limit": 20.5}, "limit"),
        ({"events": [ONE], "limit": True}, "limit"),
        ({"events": [ONE], "on_invalid": "ignore"}, "on_invalid"),
        ({"events": [ONE], "exclude": "a"}, "exclude"),
        ({"events": [ONE], "exclude": ["a", 1]}, "exclude[1]"),
        ({"events": [ONE], "exclude": [""]}, "exclude[0]"),
        ({"events": [ONE], "exclude": ["a"] * 501}, "exclude"),
        ({"events": [ONE], "only": ["a"] * 1001}, "only"),
        ({"events": [ONE], "only": "a"}, "only"),
        ({"events": [ONE], "exclude_seen": 1}, "exclude_seen"),
        ({"events": [ONE], "deadline_ms": 0}, "deadline_ms"),
        ({"events": [ONE], "deadline_ms": 10_001}, "deadline_ms"),
        ({"events": [ONE], "store": "no"}, "store"),
    ],
)
def test_a_wrong_field_is_refused_with_its_path(body: dict[str, Any], field: str) -> None:
    for error in (refusal(msgspec.json.encode(body)), refusal(body)):
        assert (error.status, error.field) == (422, field)
        assert problem_of(error).errors == [{"field": field, "detail": str(error)}]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"item_ids": "a"}, "item_ids"),
        ({"item_ids": ["a"] * 65}, "item_ids"),
        ({"item_ids": ["a", LONG]}, "item_ids[1]"),
    ],
)
def test_a_wrong_field_of_a_stateless_body_is_refused_with_its_path(body: dict[str, Any], field: str) -> None:
    error = refusal(msgspec.json.encode(body), ItemsBody)
    assert (error.status, error.field) == (422, field)


@pytest.mark.parametrize("body", [[], "events", 3, None])
def test_a_body_that_is_not_an_object_is_refused(body: Any) -> None:
    error = refusal(msgspec.json.encode(body))
    assert (error.status, error.field) == (422, None)
    assert problem_of(error).errors is msgspec.UNSET


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"events": [{"item_id": "a"}]} and more',
        b'{"events": [{"item_id": "\xff"}]}',
        b'{"events": [{"item_id": "\\ud800"}]}',
        b'{"events": [{"item_id": "a", "unknown": ' + b"[" * 10_000,
    ],
    ids=["empty", "cut", "more", "no-utf-8", "half-a-pair", "deep"],
)
def test_a_body_that_is_not_json_is_malformed(body: bytes) -> None:
    assert refusal(body).status == 400


@pytest.mark.parametrize("body", [{"exclude": ["\ud800"]}, {"events": [{"item_id": "a\udfff"}]}, {"unknown": "\ud800"}])
def test_half_a_surrogate_pair_in_a_document_is_malformed(body: dict[str, Any]) -> None:
    assert refusal(body, RankingOptions).status == 400


def test_a_body_may_have_256_kib_and_no_more() -> None:
    largest = b'{"events": [{"item_id": "a"}]}'.ljust(MAX_BODY_BYTES)
    assert parse(largest, EventsBody).events == [EventBody("a")]
    error = refusal(largest + b" ")
    assert (error.status, error.field) == (413, None)
    assert str(MAX_BODY_BYTES + 1) in str(error)

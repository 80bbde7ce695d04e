"""Any body is a valid request or is refused."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextitem.errors import RequestError
from nextitem.ids import MAX_ID_CHARS, id_fault
from nextitem.service.schema import (
    EventBody,
    EventsBody,
    ItemsBody,
    RankingOptions,
    checked_session_id,
    events_request,
    parse,
    problem_of,
)
from nextitem.sessions.keys import SessionName
from tests.nextitem.parts import NOW, STEADY

ANY_TEXT = st.text(st.characters(categories=[*"LMNPSZC"]), max_size=20) | st.just("x" * 257)
"""Halves of surrogate pairs included."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=10,
)
IDS = st.text(min_size=1, max_size=10)
EVENTS = st.lists(
    st.fixed_dictionaries(
        {"item_id": IDS | JSON},
        optional={"event_id": IDS | JSON, "occurred_at": JSON | st.datetimes().map(str) | st.integers(0, 2 * NOW)},
    ),
    max_size=66,
)
BODY_TYPES = [EventsBody, ItemsBody, RankingOptions]
BODIES = JSON | st.fixed_dictionaries(
    {},
    optional={
        "events": EVENTS | JSON,
        "item_ids": st.lists(IDS, max_size=66) | JSON,
        "limit": st.integers(-1, 202) | JSON,
        "exclude": st.lists(IDS) | JSON,
        "exclude_seen": st.booleans() | JSON,
        "deadline_ms": st.integers(-1, 10_001) | JSON,
        "store": st.booleans() | JSON,
        "unknown": JSON,
    },
)


def outcome(body: Any, kind: type[msgspec.Struct], *, strict: bool) -> msgspec.Struct | RequestError:
    try:
        return parse(body, kind, strict=strict)
    except RequestError as error:
        return error


def assert_valid_or_refused(body: Any, kind: type[msgspec.Struct], *, strict: bool) -> None:
    got = outcome(body, kind, strict=strict)
    if isinstance(got, RequestError):
        assert got.status in {400, 422}
        assert problem_of(got).detail == str(got) != ""
        return
    assert isinstance(got, kind)
    ids = [*getattr(got, "exclude", []), *getattr(got, "item_ids", [])]
    if isinstance(got, EventsBody):
        request = events_request(SessionName("a session"), got, NOW)
        assert 1 <= len(request.events) <= 64
        ids += [text for event in request.events for text in (event.item_id, event.event_id)]
    assert {id_fault(text) for text in ids} <= {None}


@STEADY
@given(BODIES, st.sampled_from(BODY_TYPES))
@pytest.mark.slow
def test_any_json_text_is_valid_or_refused(body: Any, kind: type[msgspec.Struct]) -> None:
    # json writes halves of surrogate pairs, NaN and infinities too, as some clients do.
    assert_valid_or_refused(json.dumps(body).encode(), kind, strict=True)


@STEADY
@given(
    BODIES.filter(lambda body: isinstance(body, dict)),
    st.sampled_from(BODY_TYPES),
    st.booleans(),
)
@pytest.mark.slow
def test_any_document_is_valid_or_refused(body: Any, kind: type[msgspec.Struct], strict: bool) -> None:
    assert_valid_or_refused(body, kind, strict=strict)


@STEADY
@given(st.binary(max_size=100), st.sampled_from(BODY_TYPES))
def test_any_bytes_are_valid_or_refused(body: bytes, kind: type[msgspec.Struct]) -> None:
    assert_valid_or_refused(body, kind, strict=True)


LONG = "x" * (MAX_ID_CHARS + 1)


def test_values_at_the_limits_are_valid() -> None:
    longest = "🦊" * MAX_ID_CHARS
    body = parse(
        msgspec.json.encode(
            {
                "events": [{"item_id": longest, "event_id": longest}] * 64,
                "limit": 200,
                "exclude": ["a"] * 500,
                "deadline_ms": 10_000,
            }
        ),
        EventsBody,
    )
    assert (len(body.events), body.events[0].item_id, body.limit, len(body.exclude)) == (64, longest, 200, 500)


def test_missing_fields_have_their_defaults() -> None:
    assert parse(b'{"events": [{"item_id": "a"}]}', EventsBody) == EventsBody(
        events=[EventBody("a", None, None)], limit=20, exclude=[], exclude_seen=None, deadline_ms=None, store=True
    )
    assert parse(b"{}", ItemsBody) == ItemsBody(item_ids=[])
    assert parse({}, RankingOptions) == RankingOptions()


def test_the_texts_of_a_query_string_are_converted() -> None:
    document = {"limit": "3", "exclude_seen": "true", "deadline_ms": "50", "exclude": ["a", "b"]}
    assert parse(document, RankingOptions, strict=False) == RankingOptions(
        limit=3, exclude_seen=True, deadline_ms=50, exclude=["a", "b"]
    )
    for name, text in (("limit", "many"), ("limit", ""), ("exclude_seen", "perhaps"), ("deadline_ms", "soon")):
        with pytest.raises(RequestError) as caught:
            parse({name: text}, RankingOptions, strict=False)
        assert (caught.value.status, caught.value.field) == (422, name)


@pytest.mark.parametrize("text", ["null", "NULL", "Null"])
@pytest.mark.parametrize("name", ["limit", "exclude_seen", "deadline_ms", "only", "exclude"])
def test_null_in_a_query_string_is_a_text_and_no_value(name: str, text: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse({name: text, "unknown": text}, RankingOptions, strict=False)
    assert (caught.value.status, [fault.field for fault in caught.value.faults]) == (422, [name, "unknown"])
    with pytest.raises(RequestError) as caught:
        parse({name: text}, RankingOptions, strict=False)
    assert (caught.value.status, caught.value.field) == (422, name)


@pytest.mark.parametrize("text", ["", LONG, "\ud800", "a/b", None, 3, ["a"]])
def test_a_wrong_session_id_is_refused(text: object) -> None:
    with pytest.raises(RequestError, match=r"^session_id ") as caught:
        checked_session_id(text)
    assert (caught.value.status, caught.value.field) == (422, "session_id")

"""Harmless forms of a body are accepted; of others every fault is found, and invalid events can be skipped."""

from typing import Any

import msgspec
import pytest

from nextitem.errors import MAX_FAULTS, RequestError
from nextitem.service.schema import (
    AppendedEvent,
    EventBody,
    EventsBody,
    ItemsBody,
    NoOptions,
    RankingOptions,
    events_request,
    parse,
    parse_or_skip,
    problem_of,
)
from nextitem.sessions.keys import SessionName
from tests.nextitem.parts import NOW

VALID = {"item_id": "a"}
INVALID: list[Any] = [{"item": "b", "event_id": "mine"}, {"item_id": 7}, {"item_id": "c", "at": 1}, 5]


def faults(body: Any, kind: type[msgspec.Struct] = EventsBody) -> dict[str, str]:
    """The faults of a body that must be refused, by their fields."""
    with pytest.raises(RequestError) as caught:
        parse(body if isinstance(body, bytes) else msgspec.json.encode(body), kind)
    assert caught.value.status == 422
    return dict(caught.value.faults)


@pytest.mark.parametrize(
    ("kind", "name", "nearest"),
    [
        (EventsBody, "exclude_sen", "exclude_seen"),
        (EventsBody, "excludeSeen", "exclude_seen"),
        (EventsBody, "event", "events"),
        (EventsBody, "deadline", "deadline_ms"),
        (ItemsBody, "items", "item_ids"),
        (RankingOptions, "limits", "limit"),
    ],
)
@pytest.mark.parametrize("value", [None, 1, ["a"], 1.0])
def test_a_misspelt_field_is_named_with_the_nearest(
    kind: type[msgspec.Struct], name: str, nearest: str, value: Any
) -> None:
    required = {"events": [VALID]} if kind is EventsBody else {}
    assert faults({name: value, **required}, kind) == {name: f"unknown field; did you mean `{nearest}`?"}
    with pytest.raises(RequestError) as caught:
        parse({name: value, **required}, kind, strict=False)
    assert caught.value.field == name


def test_a_field_like_no_other_gets_the_list_of_fields() -> None:
    assert faults({"k": 3}, RankingOptions) == {
        "k": "unknown field; accepted are: limit, only, exclude, after, fields, deadline_ms, placement, filter, boost, "
        "diversity, promote, pin, explain, exclude_seen, explore"
    }
    assert faults({"k": 3}, NoOptions) == {"k": "unknown field; accepted are: none"}
    with pytest.raises(RequestError, match="did you mean `session_id`"):
        parse({"sesion_id": 3}, NoOptions, envelope_fields=("operation", "session_id"))


def test_harmless_forms_are_accepted() -> None:
    nulls = dict.fromkeys(("limit", "only", "exclude", "exclude_seen", "deadline_ms", "store", "on_invalid", "sent_at"))
    plain = EventsBody(events=[EventBody("a")])
    event = {"item_id": "a", "event_id": None, "occurred_at": None, "recommendation_id": None}
    assert parse(msgspec.json.encode({"events": [event], **nulls}), EventsBody) == plain
    assert parse(b'\xef\xbb\xbf{"events": [{"item_id": "a"}]}', EventsBody) == plain
    assert parse(b'{"limit": 5.0, "deadline_ms": 1e2, "item_ids": null}', ItemsBody) == ItemsBody(
        limit=5, deadline_ms=100
    )
    assert parse({"limit": "5.0", "exclude_seen": "True"}, RankingOptions, strict=False) == RankingOptions(
        limit=5, exclude_seen=True
    )


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"events": [*INVALID, VALID]}, ["events[0].item", "events[1].item_id", "events[2].at", "events[3]"]),
        ({"events": [{"item_id": 1}] * 64}, [f"events[{place}].item_id" for place in range(64)]),
        ({"limit": 0, "exclude": ["a", 1, "b", 2], "k": 1}, ["limit", "exclude[1]", "exclude[3]", "k", "events"]),
        ({"events": [VALID], "limit": 2.5, "only": [1] * 1001}, ["limit", "only"]),
        ({"events": None, "exclude_seen": 1}, ["events", "exclude_seen"]),
        ({"events": [VALID] * 65, "only": "a"}, ["events", "only"]),
    ],
)
def test_all_faults_are_listed(body: dict[str, Any], fields: list[str]) -> None:
    assert list(faults(body)) == fields


def test_the_list_of_faults_has_a_limit() -> None:
    with pytest.raises(RequestError, match="the first of more than 100 faults") as caught:
        parse(msgspec.json.encode({"exclude": list(range(500))}), RankingOptions)
    errors = problem_of(caught.value).errors
    assert not isinstance(errors, msgspec.UnsetType)
    assert len(errors) == MAX_FAULTS


@pytest.mark.parametrize("number", [b"1e400", b"9" * 5000])
def test_a_number_that_nothing_can_hold_is_named(number: bytes) -> None:
    assert list(faults(b'{"limit": ' + number + b"}", RankingOptions)) == ["limit"]
    assert list(faults(b'{"limits": ' + number + b"}", RankingOptions)) == ["limits"]


@pytest.mark.parametrize("event", [{"type": "search"}, {"type": "search", "event_id": "e"}, {}])
def test_an_event_without_an_item_says_that_it_needs_one(event: dict[str, str]) -> None:
    found = faults({"events": [VALID, event]})
    assert list(found) == ["events[1].item_id"]
    assert found["events[1].item_id"].endswith(
        "`item_id`: every event names the item that it is about; a search without one cannot be sent"
    )
    # AND what is no event, such as a pin, says no word about events
    assert faults({"pin": [{"place": 1}]}, RankingOptions)["pin[0].item_id"].endswith("`item_id`")


def test_a_value_is_not_quoted_since_it_may_be_an_id() -> None:
    found = faults({"visitor-7": 1, "on_invalid": "visitor-7", "events": [{"item_id": "a", "visitor-7": 1}]})
    assert not any("visitor-7" in detail for detail in found.values())


def test_invalid_events_can_be_skipped() -> None:
    body, skipped = parse_or_skip(
        msgspec.json.encode({"events": [INVALID[0], VALID, INVALID[2], {"item_id": "d"}], "on_invalid": "skip"}),
        EventsBody,
    )

    assert [event.item_id for event in body.events] == ["a", "d"]
    fields = "item_id, event_id, occurred_at, recommendation_id, type"
    assert skipped == {
        0: AppendedEvent("mine", None, "invalid", "events[0].item", "unknown field; did you mean `item_id`?"),
        2: AppendedEvent(None, "c", "invalid", "events[2].at", f"unknown field; accepted are: {fields}"),
    }
    # the others keep their positions
    assert events_request(SessionName("me"), body, NOW, skipped).order == (1, 3)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"events": INVALID[:2]}, ["events[0].item", "events[1].item_id"]),
        ({"events": []}, ["events"]),
        ({"events": [VALID, 5], "limit": 0}, ["limit"]),
        ({"events": [*[VALID] * 65, 5]}, ["events"]),
    ],
)
def test_a_body_without_a_valid_rest_is_refused_even_so(body: dict[str, Any], fields: list[str]) -> None:
    assert list(faults({**body, "on_invalid": "skip"})) == fields

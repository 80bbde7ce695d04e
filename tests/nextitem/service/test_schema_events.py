"""The times, order and ids of a request's events; and how answers are written."""

import time
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextitem.errors import RequestError
from nextitem.event_types import LABEL_FAULT
from nextitem.service.event_times import OLDEST_MS
from nextitem.service.schema import (
    Answer,
    AppendedEvent,
    EventBody,
    EventsBody,
    Health,
    Recommendation,
    ServedModel,
    encode,
    events_request,
    parse,
    to_document,
)
from nextitem.sessions.keys import SessionName
from tests.nextitem.parts import NOW, STEADY, VERSION

AN_HOUR_AGO = NOW - 3_600_000
"""NOW is 2027-01-15 08:00 UTC."""


def occurred(value: bytes) -> int | None:
    """The time of an event, in epoch milliseconds, whose `occurred_at` is this JSON."""
    body = parse(b'{"events": [{"item_id": "a", "occurred_at": ' + value + b"}]}", EventsBody)
    return events_request(SessionName("me"), body, NOW).events[0].occurred_at


@pytest.mark.parametrize(
    ("fields", "expected"), [("", "view"), (', "type": null', "view"), (', "type": "Add.to_cart:2"', "Add.to_cart:2")]
)
def test_an_event_is_a_view_unless_it_says_otherwise(fields: str, expected: str) -> None:
    body = parse(f'{{"events": [{{"item_id": "a"{fields}}}]}}'.encode(), EventsBody)
    assert events_request(SessionName("me"), body, NOW).events[0].type == expected


@pytest.mark.parametrize("label", ["", "add to cart", "_view", "x" * 33, "vue\u0301", "view\n"])
def test_a_type_that_is_no_label_is_refused(label: str) -> None:
    # WHEN an event has a type that could not name a metric's dimension THEN it is refused in words, not by a pattern
    with pytest.raises(RequestError) as refusal:
        parse(msgspec.json.encode({"events": [{"item_id": "a", "type": label}]}), EventsBody)
    [fault] = refusal.value.faults
    assert (fault.field, fault.detail) == ("events[0].type", f"events[0].type {LABEL_FAULT}")


@pytest.mark.parametrize(
    "value",
    [
        b'"2027-01-15T07:00:00Z"',
        b'"2027-01-15T07:00:00z"',
        b'"2027-01-15t07:00:00.000+00:00"',
        b'"2027-01-15T08:00:00+01:00"',
        b'"2027-01-14T23:30:00-07:30"',
        b'"2027-01-15T07:00:00"',
        b'"2027-01-15 07:00:00"',
        b"1799996400",
        b"1799996400.0",
        b"1.7999964e9",
        b"1799996400000",
        b"1799996400000.0",
        b"1.7999964e12",
        b"1799996400000000",
        b"1799996400000000000",
        b"1.7999964e18",
    ],
)
def test_a_time_can_be_written_in_many_ways(value: bytes) -> None:
    assert occurred(value) == AN_HOUR_AGO


def test_a_time_without_a_zone_is_utc_wherever_this_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "America/New_York")
        time.tzset()
        assert occurred(b'"2027-01-15T07:00:00"') == AN_HOUR_AGO
    time.tzset()


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        (b'"2027-01-15T06:59:59.123456Z"', AN_HOUR_AGO - 877),
        (b"1799996399.123", AN_HOUR_AGO - 877),
        (b"1799996399123.4", AN_HOUR_AGO - 877),
    ],
)
def test_times_are_rounded_to_milliseconds(value: bytes, milliseconds: int) -> None:
    assert occurred(value) == milliseconds


@pytest.mark.parametrize(
    "value",
    [
        b"null",
        b"1800000000001",
        b"1800000000.001",
        b'"2027-01-15T08:00:00.001Z"',
        b'"9999-12-31T23:59:59-23:59"',
        b"946684799.999",
        b'"1999-12-31T23:59:59.999Z"',
        b'"0001-01-01T00:00:00+23:59"',
        b"0",
        b"-1",
        b"9000000000000000000",
    ],
)
def test_a_future_time_or_one_before_2000_counts_as_now(value: bytes) -> None:
    assert occurred(value) is None


@pytest.mark.parametrize("value", [b"100000000000000000000", b"-1e20", b"1e300", b"9" * 400, b"-" + b"9" * 400])
@pytest.mark.parametrize("field", ["events[0].occurred_at", "sent_at"])
def test_a_number_that_is_too_large_is_refused(value: bytes, field: str) -> None:
    time = value if field.startswith("events") else b"null"
    sent_at = value if field == "sent_at" else b"null"
    text = b'{"events": [{"item_id": "a", "occurred_at": ' + time + b'}], "sent_at": ' + sent_at + b"}"
    with pytest.raises(RequestError, match="RFC 3339, epoch seconds to nanoseconds") as caught:
        events_request(SessionName("me"), parse(text, EventsBody), NOW)
    assert (caught.value.status, caught.value.field) == (422, field)


def test_now_and_the_year_2000_are_valid_times() -> None:
    assert occurred(b"1800000000") == NOW
    assert occurred(b"946684800") == OLDEST_MS


@STEADY
@given(st.datetimes(datetime(2000, 1, 1), datetime(2027, 1, 15), timezones=st.timezones()))
@pytest.mark.slow
def test_times_of_all_zones_are_the_same_instant(moment: datetime) -> None:
    milliseconds = occurred(msgspec.json.encode(moment))
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000
    assert milliseconds is None or milliseconds == pytest.approx(expected, abs=1)
    assert (milliseconds is None) == (not OLDEST_MS <= expected <= NOW)


HOUR = 3_600_000
TIMES = st.integers(OLDEST_MS - 3 * HOUR, OLDEST_MS + 3 * HOUR) | st.integers(NOW - 3 * HOUR, NOW + 3 * HOUR)
"""Milliseconds, about both limits of the times that are kept."""


@STEADY
@given(st.lists(st.none() | TIMES, min_size=1, max_size=64))
def test_events_are_in_the_order_of_the_times_as_sent(times: list[int | None]) -> None:
    body = EventsBody(events=[EventBody(str(place), str(place), time) for place, time in enumerate(times)])
    request = events_request(SessionName("me"), body, NOW)

    as_sent = [float("inf") if time is None else time for time in times]
    assert list(request.order) == sorted(range(len(times)), key=lambda place: as_sent[place])
    assert [event.item_id for event in request.events] == [str(place) for place in request.order]
    kept = [NOW if event.occurred_at is None else event.occurred_at for event in request.events]
    assert kept == sorted(kept)  # so the store keeps this order
    for place, event in zip(request.order, request.events, strict=True):
        if OLDEST_MS <= as_sent[place] <= NOW:
            assert event.occurred_at == times[place]


def test_a_time_before_2000_becomes_that_of_the_next_event() -> None:
    body = EventsBody(events=[EventBody("now"), EventBody("second", None, NOW - 5), EventBody("first", None, 0)])
    events = events_request(SessionName("me"), body, NOW).events
    assert [(event.item_id, event.occurred_at) for event in events] == [
        ("first", NOW - 5),
        ("second", NOW - 5),
        ("now", None),
    ]


@STEADY
@given(st.lists(st.integers(NOW - HOUR, NOW), min_size=1, max_size=64), st.integers(-NOW // 2, 10 * NOW))
def test_the_time_of_sending_corrects_a_wrong_clock(times: list[int], skew: int) -> None:
    sent = {"events": [{"item_id": "a", "occurred_at": time + skew} for time in times], "sent_at": NOW + skew}
    request = events_request(SessionName("me"), parse(msgspec.json.encode(sent), EventsBody), NOW)
    assert [event.occurred_at for event in request.events] == sorted(times)


def test_an_event_without_an_id_gets_its_own() -> None:
    body = EventsBody(events=[EventBody("a"), EventBody("a"), EventBody("a", "mine")])
    names = [event.event_id for event in events_request(SessionName("me"), body, NOW).events]
    assert names[2] == "mine"
    assert len(set(names)) == 3
    assert {len(name) for name in names[:2]} == {24}


def test_an_event_keeps_the_id_of_the_answer_that_it_follows() -> None:
    body = parse(b'{"events": [{"item_id": "a", "recommendation_id": "theirs"}, {"item_id": "b"}]}', EventsBody)
    events = events_request(SessionName("me"), body, NOW).events
    assert [event.recommendation_id for event in events] == ["theirs", None]


def test_an_answer_leaves_out_fields_without_a_value() -> None:
    model = ServedModel(VERSION, "main")
    bare = Answer(recommendations=[], served_by="popular", model=model)
    assert to_document(bare) == {
        "recommendations": [],
        "served_by": "popular",
        "model": {"version": VERSION, "variant": "main"},
    }
    full = Answer(
        session_id="me",
        recommendations=[Recommendation("tea", 1.5)],
        events=[AppendedEvent("1", "pot", "late")],
        session_length=0,
        stored=False,
        served_by="session",
        model=model,
    )
    document = to_document(full)
    assert msgspec.json.decode(encode(full)) == document
    assert (document["session_length"], document["stored"]) == (0, False)
    assert document["events"] == [{"event_id": "1", "item_id": "pot", "status": "late"}]
    assert to_document(Health("ok", model, "unavailable"))["store"] == "unavailable"

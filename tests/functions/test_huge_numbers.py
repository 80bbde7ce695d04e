"""A number that no float can hold is a wrong value at its place, like any other; the rest of the body is read."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambda_events import direct_call
from nextitem.errors import RequestError
from nextitem.service.schema import EventsBody, ItemsBody, events_request, parse, parse_or_skip
from nextitem.sessions.keys import SessionName

HUGE = ["1e400", "-1e400", "9" * 400, "-" + "9" * 5000, "9" * 5000 + ".5", "0.1e9999999999"]
"""JSON numbers; the plain "1e300" is as wrong in each field, but a float."""
VALID = "1799999999000000100"
"""A time that no float can hold exactly, which must not be lost beside a huge number."""
NOW = 1_800_000_000_000

numbers = st.sampled_from([*HUGE, "1e300"])
times = st.sampled_from([VALID, "null", '"2027-01-15T07:00:00Z"']) | numbers
ids = st.sampled_from(['"tea"', '""', '"café 🦊"']) | numbers
events = st.lists(
    st.builds('{{"item_id": {}, "event_id": {}, "occurred_at": {}}}'.format, ids, ids, times)
    | st.builds('{{"item_id": "tea", "occurred_at": {}, "more": {}}}'.format, times, numbers)
    | numbers,
    max_size=4,
).map(lambda parts: f"[{', '.join(parts)}]")
bodies = st.builds(
    '{{"events": {}, "limit": {}, "sent_at": {}, "exclude": [{}], "on_invalid": {}}}'.format,
    events | numbers,
    st.sampled_from(["0", "5"]) | numbers,
    times,
    ids,
    st.sampled_from(['"skip"', '"reject"']),
)


def outcome(text: str) -> object:
    """What becomes of a body: its events, their order and the skipped ones; or the status and the wrong fields."""
    try:
        body, skipped = parse_or_skip(text.encode(), EventsBody)
    except RequestError as error:
        return error.status, [fault.field for fault in error.faults]
    places = {place: (event.item_id, event.event_id, event.field) for place, event in skipped.items()}
    return body, places, events_request(SessionName("me"), body, NOW, skipped).order


@given(bodies)
@settings(deadline=None)
@pytest.mark.slow
def test_a_huge_number_is_wrong_only_at_its_place(text: str) -> None:
    plain = text
    for huge in sorted(HUGE, key=len, reverse=True):
        plain = plain.replace(huge, "-1e300" if huge[0] == "-" else "1e300")
    assert outcome(text) == outcome(plain)


def http(text: str) -> bytes:
    return text.encode()


def direct(text: str) -> bytes:
    body = direct_call({"operation": "append_events", "session_id": "me", **json.loads(text)}).body
    assert isinstance(body, bytes)
    return body


@pytest.mark.parametrize("carry", [http, direct])
@pytest.mark.parametrize("huge", ["1e400", "-1e400", "9" * 400])
def test_huge_numbers_of_http_and_direct_invokes(carry: Callable[[str], bytes], huge: str) -> None:
    skipping = '{"events": [{"item_id": "a", "occurred_at": HUGE}, {"item_id": "b"}, {"item_id": HUGE}]'
    body, skipped = parse_or_skip(carry(f'{skipping}, "on_invalid": "skip"}}'.replace("HUGE", huge)), EventsBody)
    assert [event.item_id for event in body.events] == ["b"]
    assert [event.field for event in skipped.values()] == ["events[0].occurred_at", "events[2].item_id"]

    refused = '{"events": [{"item_id": "a", "occurred_at": HUGE}, {"item_id": ""}], "limit": HUGE, "only": null}'
    with pytest.raises(RequestError) as caught:
        parse(carry(refused.replace("HUGE", huge)), EventsBody)
    assert [fault.field for fault in caught.value.faults] == ["events[0].occurred_at", "events[1].item_id", "limit"]


@pytest.mark.parametrize(
    "rest",
    ["}", "NaN]}", "-Infinity]}", '"\\ud800"]}', '"\x01"]}', '"\xff"]}', "01]}", "1]} 2", "[" * 100_000],
    ids=["cut", "nan", "infinity", "half-a-pair", "control", "no-utf-8", "zero", "more", "deep"],
)
def test_what_follows_a_huge_number_must_be_json(rest: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse(b'{"item_ids": ["a"], "exclude": [1e400, ' + rest.encode("latin-1"), ItemsBody)
    assert caught.value.status == 400


def test_other_numbers_beside_a_huge_one_keep_their_values() -> None:
    times = ["1799999999000000100", "1799999999000000000", "1799999998.5", "1e400"]
    events = ", ".join(f'{{"item_id": "a", "occurred_at": {time}}}' for time in times)
    body, skipped = parse_or_skip(f'{{"events": [{events}], "on_invalid": "skip"}}'.encode(), EventsBody)
    request = events_request(SessionName("me"), body, NOW, skipped)
    assert request.order == (2, 1, 0)
    assert request.events[0].occurred_at == 1_799_999_998_500

"""The events of a request are ordered by their exact times as sent, in whatever form each is written."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nextitem.errors import RequestError
from nextitem.service.event_times import Time
from nextitem.service.schema import EventsBody, events_request, parse
from nextitem.sessions.keys import SessionName
from tests.nextitem.parts import NOW, STEADY

SECOND = 1_000_000_000
NOW_NS = NOW * 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = {"Z": 0, "": 0, "+05:30": 330, "-11:00": -660}
"""Minutes east of Greenwich of each zone, as it is written."""


def rfc_3339(time: int, zone: str, digits: int) -> bytes:
    """Write a time, in nanoseconds, with so many digits after the point."""
    local = EPOCH + timedelta(seconds=time // SECOND, minutes=ZONES[zone])
    fraction = f".{time % SECOND:09}"[: digits + 1] if digits else ""
    return f'"{local:%Y-%m-%dT%H:%M:%S}{fraction}{zone}"'.encode()


@st.composite
def sent_times(draw: st.DrawFn) -> tuple[int, bytes]:
    """A time within a second of NOW: nanoseconds, and JSON that says exactly this time."""
    digits = draw(st.sampled_from([0, 3, 6, 7, 9]))
    step = 10 ** (9 - digits)
    time = (NOW_NS - draw(st.integers(1, SECOND) | st.integers(1, 300))) // step * step
    forms = [rfc_3339(time, draw(st.sampled_from(sorted(ZONES))), digits), str(time).encode()]
    if digits <= 3:
        forms.append(str(time // 1_000_000).encode())
    if digits <= 6:  # a float of so many digits is exact
        forms.append(str(time // 1_000).encode())
        forms.append(f"{time // SECOND}.{time % SECOND // 1_000:06}".encode())
    return time, draw(st.sampled_from(forms))


def order(times: list[bytes], sent_at: bytes = b"null") -> tuple[int, ...]:
    events = b", ".join(b'{"item_id": "a", "occurred_at": ' + time + b"}" for time in times)
    body = parse(b'{"events": [' + events + b'], "sent_at": ' + sent_at + b"}", EventsBody)
    return events_request(SessionName("me"), body, NOW).order


@STEADY
@given(st.lists(sent_times(), min_size=2, max_size=64), st.none() | sent_times())
@example([(NOW_NS - SECOND + 100, b"1799999999000000100"), (NOW_NS - SECOND, b"1799999999000000000")], None)
@example([(99, b'"2027-01-15T07:00:00.123456799Z"'), (0, b'"2027-01-15T07:00:00.123456700Z"')], None)
@example([(0, b"1799999999.123"), (0, b"1799999999123"), (0, b'"2027-01-15T07:59:59.123Z"')], None)
@pytest.mark.slow
def test_events_are_in_the_exact_order_of_their_times(
    times: list[tuple[int, bytes]], sent_at: tuple[int, bytes] | None
) -> None:
    expected = sorted(range(len(times)), key=lambda place: times[place][0])
    got = order([text for _, text in times], b"null" if sent_at is None else sent_at[1])
    assert list(got) == expected


@pytest.mark.parametrize("sent_at", [b"null", b"1", b'"2036-01-01T00:00:00Z"'])
def test_correcting_the_clock_keeps_the_order(sent_at: bytes) -> None:
    assert order([b"0.0000002", b"0.0000001", b"0"], sent_at) == (2, 1, 0)


TIME_TEXTS = st.from_regex(
    r"(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]"
    r"(\.[0-9]{1,9})?(Z|z|[+-][0-2][0-9]:?[0-9]{2})?",
    fullmatch=True,
) | st.builds("{}-{}T00:00:00Z".format, st.sampled_from([1900, 2000, 2023, 2024]), st.sampled_from(["02-29", "02-30"]))


def is_valid(text: str, kind: object) -> bool:
    try:
        msgspec.convert(text, kind)
    except msgspec.ValidationError:
        return False
    return True


@STEADY
@given(TIME_TEXTS | st.datetimes(timezones=st.none() | st.just(UTC)).map(datetime.isoformat))
@example("0000-01-01T00:00:00Z")
@example("2027-01-15T08:00:00Z\n")
@example("٢٠٢٧-01-15T08:00:00Z")
def test_the_texts_that_are_times_are_those_of_msgspec(text: str) -> None:
    assert is_valid(text, Time) == is_valid(text, datetime)


def test_a_text_that_is_no_time_is_refused_with_the_accepted_forms() -> None:
    for body, field in (
        (b'{"events": [{"item_id": "a", "occurred_at": "2027-02-29T00:00:00Z"}]}', "events[0].occurred_at"),
        (b'{"events": [{"item_id": "a"}], "sent_at": "yesterday"}', "sent_at"),
    ):
        with pytest.raises(RequestError, match=r"is not a time\. Accepted: RFC 3339, epoch seconds") as caught:
            parse(body, EventsBody)
        assert (caught.value.status, caught.value.field) == (422, field)

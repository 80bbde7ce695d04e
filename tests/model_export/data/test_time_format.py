"""Formats of times by codes of `strptime`."""

import re
from datetime import datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model_export.data.layout import Layout
from model_export.data.time_format import TimeFormat
from nextitem.errors import InputError

FORMATS = [
    "%m/%d/%Y %H:%M",
    "%d.%m.%y %I:%M:%S %p",
    "%Y%m%d%H%M%S",
    "%a %b %d %H:%M:%S %z %Y",
    "%A, %d %B %Y %H.%M.%S,%f",
    "%d/%b/%Y:%H:%M:%S %%",
]


@given(st.sampled_from(FORMATS), st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)))
def test_what_python_writes_in_a_format_has_that_format(text: str, moment: datetime) -> None:
    # GIVEN a time as Python writes it
    written = moment.strftime(text.replace("%z", "+0130"))
    # WHEN it is matched
    found = re.match(TimeFormat.parse(text).pattern, written)
    # THEN each part is the one that Python reads
    assert found is not None
    parts = {code: found[group] for code, group in TimeFormat.parse(text).groups.items()}
    for code, part in parts.items():
        assert part == ("+0130" if code == "z" else moment.strftime(f"%{code}"))


@given(
    st.sampled_from(FORMATS),
    st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)),
    st.integers(0, 30),
    st.sampled_from("0123456789/.: +m"),
)
@example("%m/%d/%Y %H:%M", datetime(2000, 1, 1), 3, " ")  # as C pads a day: "01/ 1/2000 00:00"
def test_a_text_has_the_format_where_python_reads_it(text: str, moment: datetime, place: int, char: str) -> None:
    # GIVEN a time with another character somewhere
    written = moment.strftime(text.replace("%z", "+0130"))
    written = written[:place] + char + written[place + 1 :]
    try:
        datetime.strptime(written, text)
    except ValueError as error:
        fits = "out of range" in str(error)  # year 0 and 30 February: the engine refuses them
    else:
        fits = True
    # THEN it fits where it does for Python
    assert (re.match(TimeFormat.parse(text).pattern, written) is not None) == fits


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("%m%d", "must name the year once, by %Y or %y"),
        ("%Y-%d", "must name the month once, by %m or %b or %B"),
        ("%Y-%m %H:%M", "must name the day once, by %d"),
        ("%Y %y %m %d", "must name the year once"),
        ("%Y-%m-%d %I:%M", "must name the hour by %H, or by %I and %p"),
        ("%Y-%m-%d %H:%M %p", "must name the hour by %H, or by %I and %p"),
        ("%Y-%m-%d %H %I %p", "must name the hour by %H, or by %I and %p"),
        ("%Y-%m-%d %d", "has %d twice"),
        ("%Y-%j", "%j is not a known code. Known: %Y, %y,"),
        ("%-m/%-d/%Y", "%- is not a known code"),
        ("%Y-%m-%d %", "% is not a known code"),
        ("yyyy-MM-dd", "must name the year once"),
    ],
)
def test_a_wrong_format_is_refused_before_a_file_is_read(text: str, what: str) -> None:
    with pytest.raises(InputError, match=re.escape(what)):
        Layout(time_format=text)

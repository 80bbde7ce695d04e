"""The patterns of the document accept what the service accepts, in JSON Schema's dialect."""

import re

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.openapi.patterns import ID, SESSION_ID, TIME, ecma
from nextitem.ids import MAX_ID_CHARS, MISSING_VALUES, id_fault, session_id_fault
from nextitem.service.event_times import TIME_PATTERN

AWKWARD = " \t\n\x7f\x85\xa0\u1680\u2003\u2028\u202f\u3000\ufeff\ufffd./%?\\nNuUlLaA\u0130\u0131\u017f\u212a<>()#"
"""Letters of words for a missing value, white space of one dialect or the other, refused characters."""
near_words = st.builds(
    lambda word, flips, before, after: (
        before + "".join(c.upper() if flip else c for c, flip in zip(word, flips, strict=False)) + after
    ),
    st.sampled_from(MISSING_VALUES),
    st.lists(st.booleans(), min_size=9, max_size=9),
    st.text(AWKWARD, max_size=2),
    st.text(AWKWARD, max_size=2),
)
texts = st.text(AWKWARD, max_size=6) | st.text(max_size=4) | near_words | st.text("x", min_size=255, max_size=257)
digits = st.integers(0, 99).map("{:02d}".format)
times = st.builds(
    "{}-{}-{}{}{}:{}:{}{}{}".format,
    st.sampled_from(["0000", "1900", "2000", "2023", "2024", "20244"]),
    *(digits, digits, st.sampled_from("Tt _"), digits, digits, digits),
    st.sampled_from(["", ".", ".5", ".123456789"]),
    st.sampled_from(["", "Z", "z", "+01:00", "-0130", "+24:00", "\n"]),
)


def accepts(pattern: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({"type": "string", "pattern": pattern})


ids, session_ids, time_texts = accepts(ID), accepts(SESSION_ID), accepts(TIME)


@given(texts)
def test_the_id_s_pattern_is_that_of_the_service(text: str) -> None:
    assert ids.is_valid(text) == (id_fault(text) is None)


@given(texts)
def test_the_session_id_s_pattern_is_that_of_the_service(text: str) -> None:
    assert session_ids.is_valid(text) == (session_id_fault(text) is None)


@pytest.mark.parametrize(
    "text", [".", "..", "...", "a?", "\ufeff", "\xa0", "\u3000null\u2003", "null\ufeff", "N\u0130L", "a\n"]
)
def test_texts_that_dialects_read_differently(text: str) -> None:
    assert ids.is_valid(text) == (id_fault(text) is None)
    assert session_ids.is_valid(text) == (session_id_fault(text) is None)


@pytest.mark.parametrize("pattern", [ID, SESSION_ID, TIME])
def test_no_pattern_has_a_class_or_an_anchor_that_dialects_read_differently(pattern: str) -> None:
    assert re.findall(r"\\[sSdDwWbBAZ]|\(\?[a-zA-Z]", pattern) == []


@given(times)
def test_the_time_s_pattern_is_that_of_the_service(text: str) -> None:
    assert time_texts.is_valid(text) == (re.search(TIME_PATTERN, text) is not None)


@pytest.mark.parametrize("letter", sorted(set("".join(MISSING_VALUES)) - set("#/<>()\\ ")))
def test_a_letter_in_any_case_has_every_character_that_python_takes_for_it(letter: str) -> None:
    either = re.compile(f"(?i:{letter})")
    alone = re.compile(f"^{ecma(f'(?i:{letter})')}$")
    assert all((either.match(char) is None) == (alone.match(char) is None) for char in map(chr, range(0xFFFF)))


def test_the_longest_id_is_accepted() -> None:
    assert ids.is_valid("é" * MAX_ID_CHARS)
    assert not ids.is_valid("é" * (MAX_ID_CHARS + 1))

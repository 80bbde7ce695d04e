"""The rules for ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextitem.ids import MAX_ID_CHARS, id_fault
from tests.nextitem.parts import STEADY


@STEADY
@given(st.text(min_size=1, max_size=MAX_ID_CHARS))
def test_any_text_that_utf8_can_encode_is_an_id(text: str) -> None:
    assert id_fault(text) is None


@STEADY
@given(st.text(max_size=20), st.characters(categories=["Cs"]), st.text(max_size=20))
def test_half_a_surrogate_pair_is_a_fault(before: str, half: str, after: str) -> None:
    assert "surrogate" in (id_fault(before + half + after) or "")


def test_length_is_counted_in_code_points() -> None:
    assert id_fault("🦊" * MAX_ID_CHARS) is None
    assert id_fault("🦊" * (MAX_ID_CHARS + 1)) == "has 257 characters, more than 256"


def test_an_empty_id_is_a_fault() -> None:
    assert id_fault("") == "is empty"


@pytest.mark.parametrize("text", [" ", "\x00", "\n", "\u200b", "\ufeff"])
def test_invisible_characters_are_characters(text: str) -> None:
    assert id_fault(text) is None

"""The rules for ids."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextitem.ids import (
    ID_FAULT,
    MAX_ID_CHARS,
    MISSING_VALUES,
    REFUSED_CHARACTERS,
    id_examples,
    id_fault,
    session_id_fault,
)
from tests.nextitem.parts import STEADY


@pytest.mark.parametrize(
    "text",
    ["a b", " a", "-", "..", "a/b", "a,b", "%2F", "+", "\\", "\u200b", "nulls", "n", "not set", "🦊" * MAX_ID_CHARS],
)
def test_an_id_may_have_any_other_character(text: str) -> None:
    assert id_fault(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\u2003",
        "null",
        " NaN ",
        "None",
        "nil",
        r"\N",
        "<NA>",
        "(Not Set)",
        "undefined",
        "a\n",
        "\x00",
        "a\x7f",
        "\x85",
        "\u2028",
        "\ufffd",
        "🦊" * (MAX_ID_CHARS + 1),
    ],
)
def test_a_text_that_some_entrance_cannot_carry_is_no_id(text: str) -> None:
    assert id_fault(text) == session_id_fault(text) == ID_FAULT


@STEADY
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_an_id_is_one_line_without_refused_characters(text: str) -> None:
    is_line = text.splitlines() == [text] and re.search(f"[{REFUSED_CHARACTERS}]", text) is None
    assert (id_fault(text) is None) == (is_line and text.strip().lower() not in {"", *MISSING_VALUES})


@STEADY
@given(st.text(max_size=20), st.characters(categories=["Cs"]), st.text(max_size=20))
def test_half_a_surrogate_pair_is_refused(before: str, half: str, after: str) -> None:
    assert id_fault(before + half + after) == ID_FAULT


@pytest.mark.parametrize("text", ["a/b", "/", "a%41", "a?b", ".", ".."])
def test_a_session_id_is_a_part_of_a_path(text: str) -> None:
    assert "part of a path" in (session_id_fault(text) or "")


def test_few_ids_of_each_side_are_shown_and_cut() -> None:
    assert id_examples("the model", map(str, range(9)), "the catalogue", ["item-1", "x" * 41]) == (
        f"Ids of the model are such as '0', '1', '2'; of the catalogue such as 'item-1', '{'x' * 40}…'"
    )

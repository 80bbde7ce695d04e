"""Texts of code become Markdown that shows them as they are."""

import pytest
from markdown_it import MarkdownIt

from docsite.reference.markdown import code, plain, sentence, table


@pytest.mark.parametrize("text", ["a_b *c* [d](e) <f> #", r"'\t' and {x}", "a lone ` in it"])
def test_plain_text_is_shown_as_it_is(text: str) -> None:
    tokens = MarkdownIt().parseInline(plain(text))[0].children or []
    assert {token.type for token in tokens} <= {"text", "text_special"}
    assert "".join(token.content for token in tokens) == text


def test_words_in_backticks_stay_code() -> None:
    assert plain("see `a_b` and c_d") == r"see `a_b` and c\_d"


def test_a_cell_may_hold_bars_and_line_breaks() -> None:
    assert table(("a", "b"), [("x|y", "1\n  2")]) == "| a | b |\n| --- | --- |\n| x\\|y | 1 2 |"


def test_code_and_sentences() -> None:
    assert (code(""), code(0), code("x")) == ("", "`0`", "`x`")
    assert sentence("the time of it.") == "The time of it."

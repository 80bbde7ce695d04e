"""Messages on the page of troubleshooting are messages of the code."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.building import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
SOURCES = ("functions", "model_export", "devstack", "clients/python")
ROW = re.compile(r"^\| (?P<seen>[^|]*) \| [^|]* \| [^|]* \|$", re.MULTILINE)
VALUE = "…"
"""Stands for a value in a message, in the page as in `messages`."""
END = "\0"
"""Stands between two messages."""


def shown_messages() -> list[str]:
    """Return the quoted messages of the first columns; fragments of JSON and names of statuses are none."""
    seen = [quoted for row in ROW.finditer(PAGE) for quoted in re.findall(r"`([^`]+)`", row["seen"])]
    return [text for text in seen if " " in text and not text.startswith('"')]


@cache
def messages() -> str:
    """Return every text of the code, with a sign in place of each value; of the Makefile, its lines."""
    texts = [text for folder in SOURCES for path in sorted((ROOT / folder).rglob("*.py")) for text in texts_of(path)]
    make = re.sub(r"\$\(\w+\)", VALUE, (ROOT / "Makefile").read_text(encoding="utf-8"))
    return END.join([*texts, *make.splitlines()])


def texts_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else VALUE for part in node.values)  # type: ignore[misc]  # constants of an f-string are texts
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def is_part(shown: str, texts: str) -> bool:
    """Return whether one of the texts has the words of a shown message, with anything in place of its values."""
    words = (re.escape(part) for part in shown.strip(VALUE).split(VALUE))
    return re.search(f"[^{END}]*".join(words), texts) is not None


@pytest.mark.parametrize("shown", shown_messages())
def test_the_code_has_the_message(shown: str) -> None:
    assert is_part(shown, messages()), f"no source has {shown!r}"


def test_the_page_shows_messages_of_every_part() -> None:
    assert len(shown_messages()) > 30


@pytest.mark.parametrize(
    ("shown", "is_message"),
    [("has … items", True), ("has two items", False), ("items: …", False), ("… has", True), ("items … text", False)],
)
def test_values_stand_for_anything(shown: str, is_message: bool) -> None:
    assert is_part(shown, f"the model has {VALUE} items{END}another text") == is_message

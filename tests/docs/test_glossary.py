"""The glossary is in order, and its terms are those of the other pages."""

import re

from tests.building import ROOT

GLOSSARY = ROOT / "docs" / "glossary.md"
TERMS = re.findall(r"^\| (?!term|---)([^|]+) \|", GLOSSARY.read_text(encoding="utf-8"), re.MULTILINE)
OTHERS = [path for path in (ROOT / "docs").rglob("*.md") if path != GLOSSARY]


def test_terms_are_in_the_order_of_the_alphabet_and_once() -> None:
    assert len(TERMS) > 40
    assert sorted({term.lower() for term in TERMS}) == [term.lower() for term in TERMS]


def test_each_term_is_used_on_other_pages() -> None:
    text = " ".join("\n".join(path.read_text(encoding="utf-8") for path in OTHERS).lower().split())
    assert [term for term in TERMS if term.lower() not in text] == []

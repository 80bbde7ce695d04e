"""Parts made from code stand in pages, each in one."""

import re

import pytest

from docsite.made_parts import PARTS, fill
from tests.building import ROOT


def test_each_part_stands_in_one_page() -> None:
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md")]
    places = [name for page in pages for name in re.findall(r"^<!-- made by make site: (\S+) -->$", page, re.MULTILINE)]
    assert sorted(places) == sorted(PARTS)


def test_a_part_takes_the_place_of_its_comment() -> None:
    page = fill("# Metrics\n\n<!-- made by make site: metrics -->\n\nEnd.\n")
    assert page.startswith("# Metrics\n\nThe namespace is `nextitem`.")
    assert page.endswith("\n\nEnd.\n")


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(ValueError, match=r"there is no part 'matrics'\. Parts: cli, "):
        fill("<!-- made by make site: matrics -->")

"""Links, headings and clicks are found in documents, as a reader of GitHub sees them."""

from pathlib import Path

import pytest

from tests.docs.links import Link, broken, clicks_from, links, sections

PAGE = """# Title

[one](two.md#part) ![picture](a/b.png) [here](#the-part-of-it) <https://example.com>
[out](https://example.com/x.md)

```sh
# no heading
[no link](none.md)
```

## The `part` of [it](two.md)!
first
### Deeper
second
## Part
## Part
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    page = tmp_path / "one.md"
    page.write_text(PAGE)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.png").touch()
    (tmp_path / "two.md").write_text("# Part\n[three](three.md)")
    (tmp_path / "three.md").write_text("# Three\n[one](one.md) [two](two.md)")
    return page


def test_links_are_those_to_files_outside_code(page: Path) -> None:
    folder = page.parent
    assert links(page) == [
        Link(folder / "two.md", "part"),
        Link(folder / "a" / "b.png", ""),
        Link(page, "the-part-of-it"),
        Link(folder / "two.md", ""),
    ]


def test_headings_have_the_anchors_of_github(page: Path) -> None:
    anchors = [(section.title, section.anchor) for section in sections(page)]
    assert anchors == [
        ("Title", "title"),
        ("The part of it!", "the-part-of-it"),
        ("Deeper", "deeper"),
        ("Part", "part"),
        ("Part", "part-1"),
    ]


def test_a_section_ends_at_the_next_heading_of_its_level(page: Path) -> None:
    text = sections(page)[1].text
    assert "second" in text
    assert "## Part" not in text


def test_a_link_without_its_file_or_heading_is_broken(page: Path) -> None:
    assert broken(page) == []
    page.write_text("[a](two.md#parts) [b](four.md) [c](#title)")
    assert broken(page) == ["two.md#parts", str(page.parent / "four.md"), "one.md#title"]


def test_clicks_are_counted_on_the_shortest_way(page: Path) -> None:
    folder = page.parent
    assert clicks_from(page) == {page: 0, folder / "two.md": 1, folder / "three.md": 2}

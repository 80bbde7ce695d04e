"""The list of decisions has each page, and no number is missing."""

from tests.building import ROOT

PAGES = sorted((ROOT / "docs" / "decisions").glob("0*.md"))


def test_the_numbers_have_no_gap() -> None:
    assert [int(page.name[:4]) for page in PAGES] == list(range(1, len(PAGES) + 1))


def test_the_list_has_the_title_of_each_page() -> None:
    lines = (ROOT / "docs" / "decisions" / "README.md").read_text().splitlines()
    titles = [page.read_text().partition("\n")[0].removeprefix("# ") for page in PAGES]
    assert [line for line in lines if line.startswith("- [")] == [
        f"- [{title}]({page.name})" for title, page in zip(titles, PAGES, strict=True)
    ]

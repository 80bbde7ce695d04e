"""The site as `make site` builds it: whole, strict, and without a request to any other host."""

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urldefrag, urlsplit

import msgspec
import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, Page, expect

from tests.building import ROOT, make
from tests.devstack.console.conftest import DESKTOP, PHONE, accessibility_faults, screenshot

pytestmark = pytest.mark.slow

SITE = ROOT / ".build" / "site"
START = SITE / "docs" / "index.html"
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}
"""Elements whose target a browser requests, with the attribute that names it."""
NOT_LOADED = {"next", "prev", "search", "index", "canonical"}
"""Relations of <link> that only say where to go."""
CSS_REQUEST = re.compile(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//")
WITHOUT_NAVIGATION = {"index.html", "search.html"}
"""The redirect to the first page, and what the search field opens."""


@pytest.fixture(scope="module")
def pages() -> dict[str, BeautifulSoup]:
    """Every page of the site, by its path."""
    make("--silent", "site")
    return {str(path.relative_to(SITE)): read(path) for path in sorted(SITE.rglob("*.html"))}


@cache
def read(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def anchors(path: Path) -> set[str]:
    return {str(element["id"]) for element in read(path).find_all(id=True)} if path.suffix == ".html" else set()


def test_every_page_is_in_the_navigation(pages: dict[str, BeautifulSoup]) -> None:
    links = [urldefrag(str(link["href"])).url for link in read(START).select(".sidebar-tree a[href]")]
    listed = {str((START.parent / link).resolve().relative_to(SITE)) for link in links if link}
    assert set(pages) - listed == {"docs/index.html", *WITHOUT_NAVIGATION}
    # every Markdown page of docs/ is a page of the site
    assert {f"{path.relative_to(ROOT).with_suffix('.html')}" for path in (ROOT / "docs").rglob("*.md")} <= set(pages)


def test_every_link_within_the_site_has_its_target(pages: dict[str, BeautifulSoup]) -> None:
    dead = []
    for name, page in pages.items():
        for element in page.find_all(["a", *LOADED]):
            target, anchor = urldefrag(str(element.get(LOADED.get(element.name, "href")) or ""))
            if "//" in target or target.startswith("data:"):
                continue
            path = ((SITE / name).parent / unquote(urlsplit(target).path)).resolve() if target else SITE / name
            if not path.is_file() or (anchor and path.suffix == ".html" and unquote(anchor) not in anchors(path)):
                dead.append(f"{name}: {element}")
    assert dead == []


def test_no_page_and_no_style_requests_another_host(pages: dict[str, BeautifulSoup]) -> None:
    elsewhere = [
        f"{name}: {element}"
        for name, page in pages.items()
        for element in page.find_all(list(LOADED))
        if "//" in str(element.get(LOADED[element.name]) or "") and not NOT_LOADED & set(element.get("rel") or [])
    ]
    assert elsewhere == []
    styles = [path for path in SITE.rglob("*.css") if CSS_REQUEST.search(path.read_text(encoding="utf-8"))]
    assert styles == []


def test_the_search_index_has_every_page(pages: dict[str, BeautifulSoup]) -> None:
    script = (SITE / "searchindex.js").read_text(encoding="utf-8")
    index = msgspec.json.decode(script.removeprefix("Search.setIndex(").removesuffix(")"))
    assert {f"{name}.html" for name in index["docnames"]} == set(pages) - WITHOUT_NAVIGATION
    assert len(index["terms"]) > 1000


@pytest.fixture
def reader(browser: Browser, pages: dict[str, BeautifulSoup]) -> Iterator[Page]:
    """A reader who opens the site from disk. Every request is for a file."""
    context = browser.new_context(color_scheme="dark")
    asked: list[str] = []
    errors: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield context.new_page()
    context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert errors == []


def test_the_search_works_from_disk(reader: Page) -> None:
    # GIVEN the first page, which the site's index.html leads to, as dark as the system
    reader.goto((SITE / "index.html").as_uri())
    reader.wait_for_url(START.as_uri())
    lightness = reader.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", lightness))) < 64
    # WHEN a word is searched THEN pages are found, and the first one has it
    reader.get_by_role("textbox", name="Search").fill("snapshot")
    reader.keyboard.press("Enter")
    found = reader.locator("#search-results li a")
    expect(found.nth(3)).to_be_visible()
    found.first.click()
    expect(reader.locator("article")).to_contain_text("snapshot")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_accessible_and_fits_a_phone(reader: Page, scheme: Literal["light", "dark"]) -> None:
    reader.emulate_media(color_scheme=scheme)
    reader.goto((SITE / "docs" / "api.html").as_uri())
    assert accessibility_faults(reader) == []
    reader.set_viewport_size(PHONE)
    assert reader.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    reader.set_viewport_size(DESKTOP)
    screenshot(reader, f"docs-{scheme}")


def test_the_build_stops_at_a_dead_link_and_at_a_page_outside_the_navigation(tmp_path: Path) -> None:
    # GIVEN pages with each kind of fault
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "api.md").write_text("# API\n\n## Ids\n\nSee [above](#idz).\n")
    (tmp_path / "docs" / "lost.md").write_text("# Lost\n")
    (tmp_path / "docs" / "index.md").write_text(
        "# Shop\n\n## Reference\n\n- [API](api.md)\n\n"
        "[Ids](api.md#ids), [no heading](api.md#idz), [no page](apo.md), [no code](../functions/none.py)\n"
    )
    # WHEN they are built as `make site` does
    sphinx = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "-c", "docsite"]
    done = subprocess.run(
        [*sphinx, str(tmp_path), str(tmp_path / "site")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    # THEN each is named
    assert done.returncode == 1
    faults = re.findall(r"docs/(\w+)\.md.*WARNING: (.*) \[", done.stderr)
    assert sorted(faults) == [
        ("api", "'myst' cross-reference target not found: 'idz'"),
        ("index", "'myst' cross-reference target not found: '../functions/none.py'"),
        ("index", "'myst' cross-reference target not found: 'apo.md'"),
        ("index", "local id not found in doc 'docs/api': 'idz'"),
        ("lost", "document isn't included in any toctree"),
    ]

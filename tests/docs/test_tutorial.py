"""The page that the tutorial makes works in a browser. Its commands run in `test_documented.py`."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from devstack.api_gateway.cors import Cors
from devstack.publish import demo_artifact
from devstack.stack import Stack
from tests.building import ROOT
from tests.docs.blocks import files_in

FILES = files_in(ROOT / "docs" / "tutorial.md")


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder as `python -m http.server` does."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_tutorial_has_a_page_and_a_program() -> None:
    assert list(FILES) == ["page.html", "visit.py"]


@pytest.mark.slow
def test_the_list_of_the_page_changes_with_each_click(browser: Browser, tmp_path: Path) -> None:
    # GIVEN the page on a host of its own, and a stack that lets its origin call
    with served(tmp_path) as origin, Stack(artifact=demo_artifact(), max_workers=1, cors=Cors((origin,))) as stack:
        (tmp_path / "page.html").write_text(FILES["page.html"].replace("http://127.0.0.1:3000", stack.url))
        page = browser.new_page()
        page.goto(f"{origin}/page.html")
        lists = []
        # WHEN a person clicks on each product
        for name in ("coffee-003", "mug-001", "tea-001"):
            with page.expect_response("**/events") as answered:
                page.get_by_role("button", name=name).click()
            recommended = [each["item_id"] for each in answered.value.json()["recommendations"]]
            # THEN the list shows the answer
            expect(page.locator("li")).to_have_text(recommended)
            lists.append(recommended)
        page.close()
    # AND each click changes it
    assert len({tuple(shown) for shown in lists}) == len(lists)

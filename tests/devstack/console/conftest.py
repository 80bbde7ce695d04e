"""A stack with the shop and the console, as `make run` starts it, and a real browser."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright

from devstack.console.backend import Backend
from devstack.console.pages import console_pages
from devstack.demo_catalogue import TRENDING_FIELD, write_demo_catalogue
from devstack.publish import demo_artifact, earlier_artifact
from devstack.stack import KEY_SECRET, Stack
from model_export.simulator import Shop
from tests.building import ROOT

BROWSERS = ("chromium", "google-chrome", "chromium-browser")
QUIET = (  # without these Chromium looks up its makers' hosts at each start
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SCREENSHOTS = ROOT / ".build" / "screenshots"
PATIENCE_MS = 30_000
"""How long a page may take: CI runs other tests at the same time."""
SERIOUS = ("serious", "critical")
DESKTOP = ViewportSize(width=1360, height=900)
PHONE = ViewportSize(width=390, height=844)
DEMO_SESSIONS = 300
DEMO_SEED = 2026


@contextmanager
def console_stack(lake_buckets: int = 0) -> Iterator[Stack]:
    """Run a stack with the pages; its function follows a promotion after a second."""
    backend = Backend(list(Shop().sessions(DEMO_SESSIONS, seed=DEMO_SEED)))
    with Stack(
        artifact=demo_artifact(),
        earlier=earlier_artifact(),
        catalogue=write_demo_catalogue,
        max_workers=2,
        secret={"current": KEY_SECRET},
        settings={"NEXTITEM_ROUTE_TTL_SECONDS": "1", "NEXTITEM_TRENDING_FIELD": TRENDING_FIELD},
        pages=console_pages(backend),
        observe=backend.calls.observe,
        exclude_seen=True,
        lake_buckets=lake_buckets,
    ) as stack:
        backend.attach(stack)
        yield stack


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with console_stack() as stack:
        yield stack


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium of this machine; Playwright downloads none."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def visitor(browser: Browser, stack: Stack) -> Iterator[BrowserContext]:
    """A visitor's browser, which must not ask any other host and must not log an error."""
    context = browser.new_context(viewport=DESKTOP, base_url=stack.url)
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    asked: set[str] = set()
    errors: list[str] = []
    context.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield context
    context.close()
    assert asked == {urlsplit(stack.url).netloc}
    assert errors == []


def open_shop(context: BrowserContext, path: str = "/") -> Page:
    page = context.new_page()
    page.goto(path)
    expect(page.locator("#recommended li").first).to_be_visible()
    return page


def screenshot(page: Page, name: str, *, full_page: bool = False) -> None:
    """Keep a picture of what the page shows, or of the whole page."""
    page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled", full_page=full_page)


def accessibility_faults(page: Page) -> list[str]:
    """Return the serious findings of axe-core, with the elements."""
    violations = Axe().run(page).response["violations"]
    return [
        f"{violation['id']}: {[node['html'] for node in violation['nodes']]}"
        for violation in violations
        if violation["impact"] in SERIOUS
    ]

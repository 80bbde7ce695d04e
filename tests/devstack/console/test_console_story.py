"""The first five minutes of a person in the console, in a real browser."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from devstack.publish import demo_artifact, earlier_artifact
from tests.devstack.console.conftest import PHONE, accessibility_faults, open_shop, screenshot

pytestmark = pytest.mark.slow

DEMO, EARLIER = demo_artifact().name, earlier_artifact().name
READS = 20
"""Of a session, at most, until its snapshot is there."""


def open_console(context: BrowserContext, part: str) -> Page:
    page = context.new_page()
    page.goto(f"/console#{part}")
    expect(page.locator("#view h1")).to_be_visible()
    return page


def click_in_shop(context: BrowserContext, count: int) -> Page:
    """Open the shop and look at its first products."""
    shop = open_shop(context)
    for place in range(count):
        shop.locator("#shelf .look").nth(place).click()
        expect(shop.locator("#answer")).to_contain_text(f"session length{place + 1}")
    return shop


def test_the_figures_are_live(visitor: BrowserContext) -> None:
    # GIVEN the overview, beside a shop
    shop = click_in_shop(visitor, 2)
    page = open_console(visitor, "overview")
    requests = page.locator(".tile", has_text="requests").locator("dd").first
    expect(requests).to_have_text(re.compile(r"^\d+"))
    before = int(re.match(r"\d+", requests.inner_text()).group())  # type: ignore[union-attr] # expected just above
    # WHEN a visitor clicks
    shop.bring_to_front()
    shop.locator("#shelf .look").nth(3).click()
    # THEN the page counts the requests without a reload
    page.bring_to_front()
    expect(requests).not_to_have_text(re.compile(rf"^{before}\D"))
    expect(page.locator(".chart polyline.p95")).to_have_attribute("points", re.compile(r"\d"))
    screenshot(page, "console-overview", full_page=True)
    assert accessibility_faults(page) == []


def test_a_promotion_and_a_rollback_are_confirmed_and_followed(visitor: BrowserContext) -> None:
    # GIVEN the models: the live version with evaluation and certificate, and one without traffic
    page = open_console(visitor, "models")
    live = page.locator("details.version", has_text=DEMO)
    other = page.locator("details.version", has_text=EARLIER)
    expect(live).to_contain_text("live, 100.0 %")
    expect(live).to_contain_text("golden sessions32")
    expect(page.locator("#serving")).to_contain_text(DEMO)
    expect(page.locator("#rollback")).to_be_disabled()
    screenshot(page, "console-models", full_page=True)
    # WHEN the person wants to promote the other one, and thinks again
    other.locator("summary").first.click()
    page.get_by_role("button", name=f"Promote {EARLIER}").click()
    screenshot(page, "console-promote")
    page.get_by_role("button", name="Cancel").click()
    # THEN nothing has changed
    expect(page.locator("#notice")).to_be_empty()
    expect(live).to_contain_text("live, 100.0 %")
    # WHEN the person confirms
    page.get_by_role("button", name=f"Promote {EARLIER}").click()
    page.locator("#confirm-yes").click()
    # THEN the function serves it, and after a rollback the first one again
    expect(page.locator("#serving")).to_contain_text(EARLIER)
    page.locator("#rollback").click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#serving")).to_contain_text(DEMO)
    expect(page.locator("#view")).to_contain_text("This revision restores revision 1.")
    assert accessibility_faults(page) == []


def test_the_inspector_replays_the_session_of_the_shop(visitor: BrowserContext) -> None:
    # GIVEN a session of three events
    shop = click_in_shop(visitor, 3)
    # WHEN the person inspects it
    shop.locator("#inspect").click()
    steps = shop.locator(".steps button")
    expect(steps).to_have_count(3)
    # THEN the last step shows the top 20
    expect(shop.locator(".ranked li")).to_have_count(20)
    last = shop.locator(".ranked").inner_text()
    screenshot(shop, "console-inspector", full_page=True)
    # AND each earlier step has its own
    shop.get_by_role("button", name="Step back").click()
    expect(steps.nth(1)).to_have_attribute("aria-current", "step")
    assert shop.locator(".ranked").inner_text() != last
    # AND the stored snapshot, of the last step unless a slow machine lost it, is the state of the replay
    snapshot = steps.filter(has_text="snapshot")
    for _ in range(READS):  # it is stored after the answer
        if snapshot.count():
            break
        shop.reload()
        expect(shop.locator(".ranked li")).to_have_count(20)
    snapshot.last.click()
    expect(shop.locator("#view")).to_contain_text("differs from the replay by 0.")
    assert accessibility_faults(shop) == []


def test_the_catalogue_and_the_attributes_of_an_item(visitor: BrowserContext) -> None:
    # GIVEN the demo's catalogue
    page = open_console(visitor, "catalogue")
    # WHEN the page shows it
    expect(page.get_by_role("region", name="Columns of the catalogue").locator("tbody tr")).to_have_count(9)
    # THEN it has the version, the named filters, and nothing to roll back to
    expect(page.locator("#view")).to_contain_text("items416")
    expect(page.get_by_role("region", name="Named filters").locator("tbody tr")).to_have_count(2)
    expect(page.locator("#catalogue-rollback")).to_be_disabled()
    screenshot(page, "console-catalogue", full_page=True)
    assert accessibility_faults(page) == []
    # AND the page of an item has its attributes
    page.goto("/console#item/tea-026")
    expect(page.locator("#attributes")).to_contain_text("categoryTea")
    expect(page.locator("#attributes")).to_contain_text("size250 g")


def test_an_item_leads_to_its_sessions(visitor: BrowserContext) -> None:
    # GIVEN an item of the demo
    page = open_console(visitor, "item/coffee-003")
    # WHEN the page shows its neighbours, and the model's answer after it alone
    expect(page.locator(".three .box")).to_have_count(3)
    expect(page.locator(".three .box").last.locator(".ranked li")).to_have_count(12)
    screenshot(page, "console-item", full_page=True)
    # THEN a session that has it can be opened
    page.locator("ul.plain a").first.click()
    expect(page.locator("#session-id")).to_have_value(re.compile("^shop-2026-"))
    assert accessibility_faults(page) == []


def test_a_dead_store_degrades_honestly_and_comes_back(visitor: BrowserContext) -> None:
    # GIVEN a visitor in the shop, and a person at the fault buttons
    shop = click_in_shop(visitor, 2)
    page = open_console(visitor, "faults")
    expect(page.locator("#noticed")).to_contain_text("session")
    # WHEN the person kills the store
    page.get_by_role("button", name="Kill the store").click()
    expect(page.locator("#store-state")).to_contain_text("dead")
    # THEN each visitor still gets recommendations, and the answers say what they are based on
    expect(page.locator("#noticed tbody tr").first).to_contain_text("stateless")
    expect(page.locator("#noticed tbody tr").first).to_contain_text("20")
    screenshot(page, "console-faults")
    shop.bring_to_front()
    shop.locator("#shelf .look").nth(2).click()
    expect(shop.locator("#answer")).to_contain_text("stateless")
    expect(shop.locator("#notice")).to_contain_text("1 event waits")
    expect(shop.locator("#recommended .look")).to_have_count(12)
    screenshot(shop, "shop-without-store")
    # WHEN it is started again
    page.bring_to_front()
    page.get_by_role("button", name="Start it again").click()
    expect(page.locator("#store-state")).to_contain_text("running")
    # THEN the waiting event is stored without a click, and answers follow the session again
    shop.bring_to_front()
    expect(shop.locator("#notice")).to_be_empty()
    expect(shop.locator("#answer")).to_contain_text("storedyes")
    # AND a store that stops again and again makes answers stateless, too
    page.bring_to_front()
    expect(page.locator("#noticed tbody tr").first).to_contain_text("session")
    page.locator("#pause").select_option("300")
    page.get_by_role("button", name="Slow it down").click()
    expect(page.locator("#noticed tbody tr").first).to_contain_text("stateless")
    page.get_by_role("button", name="Full speed").click()
    expect(page.locator("#noticed tbody tr").first).to_contain_text("session")
    assert accessibility_faults(page) == []


def test_the_console_fits_a_phone_in_the_dark(visitor: BrowserContext) -> None:
    # GIVEN a phone with dark colours
    page = open_console(visitor, "models")
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark")
    # WHEN each part is opened by keyboard
    for part in ("Overview", "Models", "Experiments", "Drift", "Catalogue", "Session", "Item", "Faults"):
        page.get_by_role("link", name=part, exact=True).focus()
        page.keyboard.press("Enter")
        expect(page.locator(".tabs [aria-current]")).to_have_text(part)
        # THEN none is wider than the phone
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        # AND what needs the event lake says how to get it
        if part in ("Experiments", "Drift"):
            expect(page.locator("#no-lake")).to_contain_text("make run ARGS=--lake")
    expect(page.locator("#noticed")).to_contain_text("200")
    screenshot(page, "console-phone-dark")
    assert accessibility_faults(page) == []

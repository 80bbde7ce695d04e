"""The first five minutes of a person in the shop, in a real browser."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from devstack.demo_catalogue import NEWCOMERS
from model_export.simulator import Shop
from tests.devstack.console.conftest import PHONE, accessibility_faults, open_shop, screenshot

pytestmark = pytest.mark.slow


def recommended(page: Page) -> list[str]:
    return [str(card.get_attribute("data-item")) for card in page.locator("#recommended .look").all()]


def timeline(page: Page) -> list[tuple[str | None, str | None]]:
    rows = page.locator("#timeline li[data-item]").all()
    return [(row.get_attribute("data-item"), row.get_attribute("data-status")) for row in rows]


def shelf(page: Page, place: int) -> str:
    """Click a product of the shelf and return its id."""
    card = page.locator("#shelf .look").nth(place)
    card.click()
    return str(card.get_attribute("data-item"))


def session_length(page: Page, length: int) -> None:
    expect(page.locator("#answer")).to_contain_text(f"session length{length}")


def test_the_recommendations_follow_each_click(visitor: BrowserContext) -> None:
    # GIVEN a person who opens the shop
    page = open_shop(visitor)
    expect(page.locator("#answer")).to_contain_text("popular")
    answers = [recommended(page)]
    # WHEN the person looks at three of the recommended products
    for length in (1, 2, 3):
        clicked = answers[-1][length]
        page.locator("#recommended .look").nth(length).click()
        session_length(page, length)
        answers.append(recommended(page))
        # THEN each click changes what is recommended, without what was seen
        assert answers[-1] != answers[-2]
        assert clicked not in answers[-1]
    # AND the page says who answered, how fast, and why
    expect(page.locator("#answer")).to_contain_text("served bysession")
    expect(page.locator("#function-time")).to_contain_text("ms")
    expect(page.locator("#why")).to_contain_text("Moved most by event")
    expect(page.locator("#recommended .because")).to_have_count(12)
    # AND the cart is an event, too
    page.get_by_role("button", name="Add to cart", exact=True).click()
    session_length(page, 4)
    expect(page.locator("#session-count")).to_have_text("4 events, 1 in the cart")
    expect(page.locator("#recommended .because")).to_have_count(12)
    screenshot(page, "shop")
    assert accessibility_faults(page) == []


def test_the_shelf_keeps_to_a_category_and_a_price(visitor: BrowserContext) -> None:
    # GIVEN a person at the shelves
    page = open_shop(visitor)
    expect(page.locator("#shelf li")).to_have_count(12)
    # WHEN the person chooses a category and a price, and then more of it
    page.get_by_role("button", name="Tea", exact=True).click()
    page.get_by_label("Price").select_option("under € 20")
    expect(page.locator("#shelf .category")).to_have_text(["Tea"] * 12)
    page.get_by_role("button", name="More products").click()
    shop = Shop()
    products = (*shop.products, *shop.newcomers(NEWCOMERS))
    cheap = {product.item_id for product in products if product.category == "tea" and product.price < 2000}
    expect(page.locator("#shelf li")).to_have_count(len(cheap))
    # THEN the shelf has all of these
    assert {card.get_attribute("data-item") for card in page.locator("#shelf .look").all()} == cheap
    # AND the page has what trends in the category, once a visitor looks at some of it
    shelf(page, 0)
    page.get_by_role("button", name="Tea", exact=True).click()
    expect(page.locator("#trending-title")).to_have_text("Trending now in Tea")
    expect(page.locator("#trending .category").first).to_have_text("Tea")
    # AND a price that the category does not have leaves it empty, and says so
    page.get_by_label("Price").select_option("€ 150 and more")
    expect(page.locator("#shelf-note")).to_contain_text("Nothing of this category")


def test_the_shop_promotes_mixes_and_sells(visitor: BrowserContext) -> None:
    # GIVEN a person who looks at a tea
    page = open_shop(visitor)
    page.get_by_role("button", name="Tea", exact=True).click()
    expect(page.locator("#shelf .category")).to_have_text(["Tea"] * 12)
    shelf(page, 0)
    session_length(page, 1)
    # THEN the page has similar products
    expect(page.locator("#similar li")).to_have_count(6)
    # WHEN the shop promotes tents
    page.get_by_label("Promote").select_option("Tents")
    # THEN a quarter of the places are tents, and are marked
    promoted = page.locator("#recommended li", has=page.get_by_text("Promoted", exact=True))
    expect(promoted).to_have_count(3)
    assert set(promoted.locator(".category").all_inner_texts()) == {"Tents"}
    screenshot(page, "shop-promoted")
    assert accessibility_faults(page) == []
    # WHEN it wants one product of each category instead
    page.get_by_label("Promote").select_option("nothing")
    expect(promoted).to_have_count(0)
    page.get_by_label("At most one product of each category").check()
    expect(page.locator("#recommended .category", has_text=re.compile("^Tea$"))).to_have_count(1)
    # THEN no category occurs twice
    categories = page.locator("#recommended .category").all_inner_texts()
    assert len(categories) == len(set(categories)) == 12
    # WHEN the person likes the product, puts it into the cart and buys
    page.get_by_role("button", name="Like").click()
    session_length(page, 2)
    page.get_by_role("button", name="Add to cart", exact=True).click()
    session_length(page, 3)
    page.get_by_role("button", name="Buy the cart").click()
    session_length(page, 4)
    # THEN each is an event of its type, and the cart is empty
    expect(page.locator("#timeline .badge")).to_have_text(["purchase", "cart", "like"])
    expect(page.locator("#session-count")).to_have_text("4 events")
    expect(page.locator("#buy")).to_be_hidden()


def test_clicks_of_an_offline_tab_arrive_late_and_in_order(visitor: BrowserContext) -> None:
    # GIVEN two tabs on one session, one of them offline
    first = open_shop(visitor)
    address = str(first.locator("#second-tab").get_attribute("href"))
    second = open_shop(visitor, address)
    first.get_by_role("switch", name="Online").click()
    # WHEN the offline tab clicks twice, and then the other one once
    one, two = shelf(first, 0), shelf(first, 1)
    expect(first.locator("#notice")).to_contain_text("2 events wait")
    screenshot(first, "shop-offline")
    three = shelf(second, 2)
    session_length(second, 1)
    # AND the first one comes back
    first.get_by_role("switch", name="Offline").click()
    session_length(first, 3)
    # THEN its events are late: they stand at their times, before the other tab's
    expected = [(three, "applied"), (two, "late"), (one, "late")]
    expect(first.locator("#timeline li[data-item]")).to_have_count(3)
    assert timeline(first) == expected
    screenshot(first, "shop-late")
    # AND the other tab shows them without a reload
    expect(second.locator("#timeline li[data-item]")).to_have_count(3)
    assert timeline(second) == expected
    expect(second.locator("#recommended .look").first).to_have_attribute("data-item", recommended(first)[0])
    assert recommended(second) == recommended(first)


def test_an_event_whose_answer_is_lost_counts_once(visitor: BrowserContext) -> None:
    # GIVEN a network that delivers a request and loses its answer
    page = open_shop(visitor)
    lost: list[int] = []

    def lose(route: Route) -> None:
        lost.append(route.fetch().status)
        route.abort()

    page.route("**/events", lose, times=1)
    # WHEN the person clicks
    clicked = shelf(page, 3)
    # THEN the service has the event, the page keeps it and sends it again, and it counts once
    expect(page.locator("#answer")).to_contain_text("session length1")
    expect(page.locator("#notice")).to_be_empty()
    assert lost == [200]
    assert timeline(page) == [(clicked, "duplicate")]


def test_a_phone_in_the_dark_needs_no_sideways_scrolling(visitor: BrowserContext) -> None:
    # GIVEN a phone with dark colours
    page = open_shop(visitor)
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark")
    # WHEN the person clicks by keyboard
    page.locator("#shelf .look").first.focus()
    page.keyboard.press("Enter")
    session_length(page, 1)
    # THEN nothing is wider than the phone, and the colours can be read
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.evaluate("window.scrollTo(0, 0)")
    screenshot(page, "shop-phone-dark")
    assert accessibility_faults(page) == []

"""A person reads the API at /docs and tries it, in a real browser."""

from urllib.parse import urlsplit

import msgspec
import pytest
from playwright.sync_api import Browser, expect

from devstack.openapi.document import PATH
from devstack.openapi.site import pages
from devstack.publish import demo_artifact
from devstack.stack import Stack
from tests.devstack.console.conftest import DESKTOP, screenshot
from tests.functions.client import PATIENT

SUMMARIES = [
    operation["summary"]
    for methods in msgspec.json.decode(PATH.read_bytes())["paths"].values()
    for operation in methods.values()
]


@pytest.mark.slow
def test_the_viewer_shows_every_operation_and_calls_it(browser: Browser) -> None:
    with Stack(artifact=demo_artifact(), max_workers=1, settings=PATIENT, pages=pages()) as stack:
        # GIVEN a browser that notes the hosts it asks, and what the policy stops
        page = browser.new_page(viewport=DESKTOP)
        asked: set[str] = set()
        errors: list[str] = []
        page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))

        # WHEN a person opens the page
        page.goto(f"{stack.url}/docs")

        # THEN every operation is listed
        for summary in SUMMARIES:
            expect(page.get_by_text(summary).first).to_be_visible()

        # AND WHEN the person sends the example of `recommend`
        page.get_by_text(SUMMARIES[3]).first.click()
        with page.expect_response("**/v1/recommendations") as answered:
            page.get_by_role("button", name="Execute").click()

        # THEN the service's answer is shown
        assert answered.value.status == 200
        expect(page.get_by_text(str(stack.version)).first).to_be_visible()
        screenshot(page, "docs")
        page.close()

    # AND no other host was asked, and nothing was stopped or failed
    assert asked == {urlsplit(stack.url).netloc}
    assert errors == []

"""The document and its viewer on devstack's port."""

import hashlib
import re
from html.parser import HTMLParser

from devstack.openapi.document import PATH
from devstack.openapi.site import VIEWER, VIEWER_POLICY, pages

VERSION = "2.4.820"
SHA256 = "6bb3f4f29b0d740f1fc0970cd4245e01d2c1346df5a26ecd20a2f7a5dda5f837"
"""Of dist/browser/openapi-explorer.min.js in the npm package openapi-explorer of this version."""


class Sources(HTMLParser):
    """Collects what a page loads, and what the policy would stop: inline scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.addresses += [value for name in ("src", "href", "spec-url") if (value := values.get(name))]
        self.inline += tag == "style" or (tag == "script" and "src" not in values)


def test_the_viewer_is_the_file_of_its_package() -> None:
    content = (VIEWER / "openapi-explorer.min.js").read_bytes()

    assert hashlib.sha256(content).hexdigest() == SHA256
    assert f"OpenAPI Explorer {VERSION} ".encode() in content[:200]


def test_licences_are_beside_it() -> None:
    assert "Apache License" in (VIEWER / "LICENSE.txt").read_text()
    others = (VIEWER / "THIRD_PARTY.txt").read_text()
    assert all(name in others for name in ("\nlit 2.8.0", "\nmarked 4.3.0", "\nprismjs 1.30.0", "Google LLC"))


def test_the_page_loads_what_devstack_serves_and_nothing_else() -> None:
    # GIVEN the page
    sources = Sources()
    sources.feed((VIEWER / "index.html").read_text())

    # THEN everything that it loads is a page of devstack
    served = {route.path for route in pages()}
    assert set(sources.addresses) - {"data:,"} == {"/docs/openapi-explorer.min.js", "/docs/page.css", "/openapi.json"}
    assert {*sources.addresses} - {"data:,"} | {"/docs"} <= served
    assert sources.inline == 0
    # AND its policy admits no other host, and no script but the viewer's
    assert re.findall(r"https?:|script-src|\*|unsafe-eval", VIEWER_POLICY) == []
    assert "default-src 'self'" in VIEWER_POLICY


def test_the_document_is_served_as_it_is_kept() -> None:
    assert PATH.is_file()
    assert "/openapi.json" in {route.path for route in pages()}

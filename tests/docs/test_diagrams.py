"""Diagrams of the concepts are readable in light and dark, by screen readers, and without other hosts."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from playwright.sync_api import Browser

from tests.building import ROOT

IMAGES = sorted((ROOT / "docs" / "concepts" / "images").glob("*.svg"))
SVG = "{http://www.w3.org/2000/svg}"
OUTSIDE = """() => {
  const boxes = [...document.querySelectorAll("rect")].map((rect) => rect.getBBox());
  const inside = (x, y, box) => x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;
  return [...document.querySelectorAll("text")].filter((text) => {
    const { x, y, width, height } = text.getBBox();
    const around = boxes.filter((box) => inside(x + width / 2, y + height / 2, box) || inside(x, y + height / 2, box));
    return around.length === 0 || around.some((box) => x < box.x || x + width > box.x + box.width);
  }).map((text) => text.textContent);
}"""
"""The texts that do not end in every box in which they begin."""


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.stem)
def test_a_diagram_explains_itself_and_has_two_schemes(image: Path) -> None:
    text = image.read_text(encoding="utf-8")
    root = ET.fromstring(text)  # noqa: S314 - a file of this project
    labels = [root.find(SVG + name) for name in ("title", "desc")]
    assert root.get("role") == "img"
    assert all(label is not None and label.text for label in labels)
    assert root.get("aria-labelledby") == " ".join(str(label.get("id")) for label in labels if label is not None)
    assert "prefers-color-scheme: dark" in text
    assert text.count("://") == 1  # the namespace


def test_every_concept_has_a_picture_and_every_diagram_a_page() -> None:
    texts = [page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "concepts").glob("*.md")]
    assert all("![" in text for text in texts)
    assert [image.name for image in IMAGES if not any(f"](images/{image.name})" in text for text in texts)] == []


@pytest.mark.slow
@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.stem)
def test_no_text_leaves_its_box(browser: Browser, image: Path) -> None:
    page = browser.new_page()
    page.goto(image.as_uri())
    assert page.evaluate(OUTSIDE) == []
    page.close()

"""A shop steers its recommendations by its catalogue, on the stack that `make run` starts."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from devstack.demo_catalogue import NEWCOMERS
from devstack.stack import Stack
from model_export.simulator import Product, Shop
from model_export.simulator.items import write_items
from tests.devstack.console.conftest import console_stack
from tests.model_export.cli.commandline import done

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 60
"""Much longer than the time to live of the stack's route, since CI runs other tests at the same time."""
TEAS = ["tea-003", "tea-009"]
SHOP = Shop()
LIMIT = 12


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with console_stack() as stack:
        yield stack


def call(stack: Stack, method: str, path: str, body: Any = None) -> Any:
    """Return the document of an answer, which must be a success."""
    connection = http.client.HTTPConnection(urlsplit(stack.url).netloc, timeout=30)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"content-type": "application/json"})
        response = connection.getresponse()
        document = json.loads(response.read())
        assert response.status == 200, document
        return document
    finally:
        connection.close()


def recommended(stack: Stack, **options: Any) -> list[dict[str, Any]]:
    """Return what a visitor of teas is recommended, with titles."""
    body = {"item_ids": TEAS, "limit": LIMIT, "fields": ["title", "category", "price"], **options}
    answer = call(stack, "POST", "/v1/recommendations", body)
    found: list[dict[str, Any]] = answer["recommendations"]
    return found


def publish(stack: Stack, folder: Path, *products: Product) -> None:
    """Publish the demo's products and some more, as a shop does."""
    file = folder / "items.csv"
    write_items(file, (*SHOP.products, *SHOP.newcomers(NEWCOMERS), *products))
    done("items", "publish", file, "--bucket", stack.bucket, "--endpoint-url", stack.s3_endpoint)


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until the function has followed the route."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, "the function did not follow"
        time.sleep(0.1)


def test_a_new_product_is_recommended_until_it_is_sold_out(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a product that no model has seen, and a visitor who looks at products of its category
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "devstack")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "devstack")
    new = replace(SHOP.product("tea-003"), item_id="tea-900", name="Two Rivers first flush Darjeeling, 50 g", stock=3)
    assert "tea-900" not in {item["item_id"] for item in recommended(stack, limit=200)}
    # WHEN the shop publishes it
    publish(stack, tmp_path, new)

    def answer() -> list[dict[str, Any]]:
        path = "/v1/sessions/drinks-tea/events"
        events = [{"item_id": item_id, "event_id": item_id} for item_id in TEAS]
        body = {"events": events, "limit": LIMIT, "fields": ["title"], "explore": 1.0}
        found: list[dict[str, Any]] = call(stack, "POST", path, body)["recommendations"]
        return found

    # THEN it is recommended once the function has followed, with its title, and marked as new
    eventually(lambda: "tea-900" in {item["item_id"] for item in answer()})
    shown = {item["item_id"]: item for item in answer()}["tea-900"]
    assert shown["fields"] == {"title": new.name}
    assert shown["reason"] == "new"
    # WHEN its last piece is sold THEN it disappears, also where it is asked for
    publish(stack, tmp_path, replace(new, stock=0))
    eventually(lambda: "tea-900" not in {item["item_id"] for item in answer()})
    assert recommended(stack, only=["tea-900"]) == []


def test_requests_steer_in_the_documented_shapes(stack: Stack) -> None:
    # GIVEN a visitor of teas
    plain = recommended(stack)
    assert {item["fields"]["category"] for item in plain} > {"Tea"}
    # WHEN each option is used THEN the answer keeps to it
    cheap = {"category": "Tea", "price": {"gte": 3, "lt": 10}}
    assert all(
        item["fields"]["category"] == "Tea" and 3 <= item["fields"]["price"] < 10
        for item in recommended(stack, filter=cheap)
    )
    categories = [item["fields"]["category"] for item in recommended(stack, diversity={"field": "category", "max": 1})]
    assert len(categories) == len(set(categories)) == LIMIT
    promoted = recommended(stack, promote=[{"items": ["tent-001", "tent-002"], "share": 0.2}])
    assert {item["item_id"] for item in promoted if item.get("reason") == "promoted"} == {"tent-001", "tent-002"}
    tents = {"filter": {"category": "Tents"}, "factor": 1000}
    assert any(item["fields"]["category"] == "Tents" for item in recommended(stack, boost=[tents]))
    assert recommended(stack, pin=[{"item_id": "tent-005", "place": 3}])[2]["item_id"] == "tent-005"
    # AND the same answer comes again
    assert recommended(stack) == plain


def test_similar_items_and_trends_have_titles_too(stack: Stack) -> None:
    # GIVEN some visitors of one tea
    for visitor in range(5):
        call(stack, "POST", f"/v1/sessions/trend-{visitor}/events", {"events": [{"item_id": "tea-009"}]})
    # WHEN the shop asks for similar items and for what trends in the category
    similar = call(stack, "GET", f"/v1/items/tea-009/similar?{urlencode({'limit': 3, 'fields': 'title'})}")
    trending = call(stack, "GET", f"/v1/trending?{urlencode({'limit': 3, 'fields': 'title', 'category': 'Tea'})}")
    # THEN both answer with recommendations and their titles
    for answer in (similar, trending):
        assert all(item["fields"]["title"] == SHOP.product(item["item_id"]).name for item in answer["recommendations"])
    assert trending["recommendations"][0]["item_id"] == "tea-009"

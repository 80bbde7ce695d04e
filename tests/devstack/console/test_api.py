"""The console's API on a running stack: what it shows agrees with what the function answers."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from devstack.console.experiments import NO_LAKE
from devstack.publish import demo_artifact, earlier_artifact, publish_catalogue
from devstack.services.bucket import Bucket
from devstack.stack import Stack
from model_export.simulator import CATEGORIES
from nextitem.catalogue.writer import text_data, write_catalogue
from tests.devstack.console.conftest import console_stack

pytestmark = pytest.mark.slow

ATTEMPTS = 10
ITEMS = ["tea-003", "teapot-002", "tea-009", "mug-001"]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with console_stack() as stack:
        yield stack


def call(stack: Stack, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(stack.url).netloc, timeout=30)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(
            "GET" if body is None else "POST", path, content, {"content-type": "application/json", **headers}
        )
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def api(stack: Stack, path: str, body: Any = None) -> Any:
    status, document = call(stack, f"/devstack/api/{path}", body)
    assert status == 200, document
    return document


def look(stack: Stack, session: str, items: list[str]) -> Any:
    """Append one event after the other, and return the last answer, without places for exploring new items."""
    for place, item in enumerate(items):
        answer = append(stack, session, place, item)
    return answer


def look_until_stored(stack: Stack, session: str, items: list[str]) -> Any:
    """Do the same, and send what was not stored again, as clients do: on a slow machine the store may be late."""
    for place, item in enumerate(items):
        answers = (append(stack, session, place, item) for _ in range(ATTEMPTS))
        answer = next((answer for answer in answers if answer["stored"]), None)
        assert answer is not None, (place, item)
    return answer


def append(stack: Stack, session: str, place: int, item: str) -> Any:
    body = {"events": [{"item_id": item, "event_id": f"event-{place}"}], "limit": 20, "explore": 0}
    return call(stack, f"/v1/sessions/{session}/events", body)[1]


def test_a_replay_ends_in_the_answer_of_the_function(stack: Stack) -> None:
    # GIVEN a session of four events, which the function has answered
    answer = look_until_stored(stack, "replayed", ITEMS)
    # WHEN the console replays it
    replay = api(stack, "sessions/replayed/replay")
    # THEN its last step is the function's answer
    assert [step["item_id"] for step in replay["steps"]] == ITEMS
    assert replay["steps"][-1]["top"] == [item["item_id"] for item in answer["recommendations"]]
    assert replay["version"] == answer["model"]["version"]
    # AND the stored snapshot, of the last step unless a slow machine lost it, is the state of the replay
    (place,) = [place for place, step in enumerate(replay["steps"]) if step["snapshot_difference"] is not None]
    assert replay["steps"][place]["snapshot_difference"] == 0.0
    # AND the store has the session as the pages show it
    session = api(stack, "sessions/replayed")
    assert [event["item_id"] for event in session["events"]] == ITEMS
    saved = session["snapshots"][0]["events"]  # later than the replay, so another one may have come
    assert saved >= place + 1
    assert session["impression"]["item_ids"] == replay["steps"][saved - 1]["top"]


def test_a_replay_on_another_version_has_no_snapshot(stack: Stack) -> None:
    look_until_stored(stack, "compared", ITEMS)

    replay = api(stack, f"sessions/compared/replay?version={earlier_artifact().name}")

    assert replay["version"] == earlier_artifact().name
    assert [step["snapshot_difference"] for step in replay["steps"]] == [None] * 4


def test_a_reason_is_an_event_of_the_session(stack: Stack) -> None:
    # GIVEN a session with an item that no model knows
    answer = look_until_stored(stack, "explained", [ITEMS[0], "no-such-item", *ITEMS[1:]])
    # WHEN the page asks why
    why = api(stack, f"sessions/explained/why?version={answer['model']['version']}&limit=20")
    # THEN each recommendation has a reason, by its place in the whole session
    assert [reason["item_id"] for reason in why["reasons"]] == [item["item_id"] for item in answer["recommendations"]]
    places = {reason["because"]["place"] for reason in why["reasons"]}
    assert places <= {1, 3, 4, 5}
    assert why["moved_most"]["place"] in {1, 3, 4, 5}


def test_a_page_finds_the_time_of_its_request(stack: Stack) -> None:
    # GIVEN a stack without workers
    stack.retire_workers()
    # WHEN a page names two requests, one after the other
    for name in ("first", "second"):
        call(stack, "/v1/health", **{"x-devstack-call": name})
    # THEN each has a time in the function, and the first one started a worker
    first, second = api(stack, "calls/first"), api(stack, "calls/second")
    assert first["milliseconds"] > 0
    assert second["milliseconds"] > 0
    assert (first["cold_start"], second["cold_start"]) == (True, False)


def test_a_session_that_nobody_began_is_empty(stack: Stack) -> None:
    version = stack.version

    assert api(stack, "sessions/nobody")["events"] == []
    assert api(stack, "sessions/nobody/replay")["steps"] == []
    assert api(stack, f"sessions/nobody/why?version={version}") == {"reasons": [], "moved_most": None}


def test_the_shop_shows_the_fields_and_categories_of_the_catalogue(stack: Stack) -> None:
    shop = api(stack, "shop")

    assert shop["fields"] == ["title", "category", "price"]
    assert sorted(shop["categories"]) == sorted(category.label for category in CATEGORIES)
    assert shop["token"] is None


def test_the_catalogue_is_the_one_that_the_stack_has_published(stack: Stack) -> None:
    # GIVEN the demo's catalogue: the shop's products and its newcomers
    catalogue = api(stack, "catalogue")
    # THEN the page has its version, its columns and its history
    assert catalogue["version"] == stack.catalogue_version
    assert catalogue["items"] == 416
    columns = {column["name"]: column for column in catalogue["columns"]}
    assert {name: column["kind"] for name, column in columns.items()}["price"] == "number"
    assert (columns["material"]["missing"], columns["material"]["distinct"]) == (390, 3)
    assert columns["added"]["samples"][1] == "2026-01-15T00:00:00Z"
    assert [pointer["revision"] for pointer in catalogue["history"]] == [1]
    # AND the attributes of an item, unless it has none
    attributes = api(stack, "attributes?item_id=tea-026&item_id=no-such-item")
    assert list(attributes) == ["tea-026"]
    assert attributes["tea-026"]["category"] == "Tea"
    assert attributes["tea-026"]["colour"] is None


def test_an_earlier_catalogue_comes_back(stack: Stack, tmp_path: Path) -> None:
    # GIVEN a second catalogue, of one item
    path = tmp_path / "catalogue.bin"
    write_catalogue(path, ["tea-001"], {"title": text_data(["a tea"])}, {})
    publish_catalogue(path, Bucket(stack.bucket, stack.s3_endpoint), tmp_path)
    assert api(stack, "catalogue")["items"] == 1
    assert api(stack, "shop")["categories"] == []
    # WHEN the console rolls back
    pointer = api(stack, "catalogue/rollback", {})
    # THEN the route has the first one again
    assert (pointer["version"], pointer["restores"]) == (stack.catalogue_version, 1)
    assert api(stack, "catalogue")["items"] == 416
    assert call(stack, "/devstack/api/catalogue/rollback", [])[0] == 422


def test_the_registry_has_both_versions_and_their_certificates(stack: Stack) -> None:
    registry = api(stack, "registry")

    shares = {version["version"]: version["share"] for version in registry["versions"]}
    assert shares == {demo_artifact().name: 1.0, earlier_artifact().name: 0.0}
    for version in registry["versions"]:
        assert version["certificate"]["golden_sessions"] == 32
        assert version["manifest"]["evaluation"]["hr@20"] > 0
        assert version["card"].startswith("# Model card")
    assert [route["revision"] for route in registry["history"]] == [1]


def test_a_promotion_and_a_rollback_change_the_route(stack: Stack) -> None:
    promoted = api(stack, "promote", {"version": earlier_artifact().name, "force": True})
    assert promoted["variants"][0]["version"] == earlier_artifact().name

    rolled_back = api(stack, "rollback", {})
    assert rolled_back["variants"][0]["version"] == demo_artifact().name

    # AND each change is in the audit log with its revision, beside what was forced
    log = [(entry["what"], entry["details"].get("revision")) for entry in reversed(api(stack, "experiments")["log"])]
    assert log == [
        ("forced promotion", None),
        ("promotion", promoted["revision"]),
        ("rollback", rolled_back["revision"]),
    ]


def test_without_a_lake_experiments_and_drift_say_what_to_do(stack: Stack) -> None:
    assert api(stack, "experiments")["has_lake"] is False
    assert api(stack, "drift") == {**api(stack, "drift"), "has_lake": False, "report": None, "hit_rates": []}
    bodies = {"experiments/start": {"version": earlier_artifact().name, "share": 0.1}, "experiments/look": {}}
    for path, body in {**bodies, "experiments/stop": {}, "drift/measure": {}}.items():
        status, document = call(stack, f"/devstack/api/{path}", body)
        assert (status, document["detail"]) == (502, NO_LAKE)


def test_a_killed_store_starts_again_on_its_port(stack: Stack) -> None:
    # GIVEN a store that is killed
    assert api(stack, "store", {"action": "kill"}) == {"runs": False, "pause_ms": 0}
    # THEN the pages say so, and the function answers without it
    status, document = call(stack, "/devstack/api/sessions/replayed")
    assert (status, document) == (503, {"detail": "the session store does not answer"})
    assert look(stack, "homeless", ITEMS[:1])["stored"] is False
    # WHEN it is started again
    assert api(stack, "store", {"action": "start"}) == {"runs": True, "pause_ms": 0}
    # THEN it is empty and takes events, once the function tries it again
    assert api(stack, "sessions/replayed")["events"] == []
    assert any(look(stack, "housed", [item])["stored"] for item in ITEMS * 1000)


def test_a_slow_store_makes_answers_stateless(stack: Stack) -> None:
    # GIVEN a store that stops again and again
    assert api(stack, "store", {"action": "slow", "pause_ms": 300}) == {"runs": True, "pause_ms": 300}
    # THEN answers do not wait for it, but for those that come while it runs
    assert any(look(stack, "slow", [item])["served_by"] == "stateless" for item in ITEMS * 1000)
    # AND the store can run again
    assert api(stack, "store", {"action": "slow", "pause_ms": 0}) == {"runs": True, "pause_ms": 0}


def test_the_figures_are_those_of_devstack_top(stack: Stack) -> None:
    before = api(stack, "figures")["requests"]

    look(stack, "counted", ITEMS)

    figures = api(stack, "figures")
    assert figures["requests"] >= before + 4
    assert figures["versions"][0]["version"] in {demo_artifact().name, earlier_artifact().name}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("promote", {"version": "v0123456789abcdef"}, 404),
        ("promote", {"version": "newest"}, 404),
        ("promote", {"versions": "v0123456789abcdef"}, 422),
        ("promote", {"version": earlier_artifact().name}, 409),
        ("experiments/start", {"version": earlier_artifact().name, "share": 0.9}, 422),
        ("experiments/start", {"version": earlier_artifact().name, "share": 0.1, "kind": "shadow"}, 422),
        ("drift/measure", {"hours": 0}, 422),
        ("promote", [], 422),
        ("store", {"action": "explode"}, 422),
        ("store", {"action": "slow", "pause_ms": 3_600_000}, 422),
        ("calls/unknown", None, 404),
        ("sessions/null", None, 422),
        ("sessions/me/why?version=v0123456789abcdef&limit=0", None, 422),
        ("sessions/me/why?version=v0123456789abcdef", None, 404),
    ],
)
def test_a_wrong_request_is_refused_with_a_reason(stack: Stack, path: str, body: Any, status: int) -> None:
    refused, document = call(stack, f"/devstack/api/{path}", body)

    assert refused == status
    assert document["detail"]

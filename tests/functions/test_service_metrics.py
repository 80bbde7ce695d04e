"""Each request leaves one metrics record, and no log line contains an id."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from devstack.publish import demo_artifact
from devstack.stack import Stack
from nextitem.telemetry.metrics import BY_SOURCE, BY_VERSION, METRICS, OVERALL
from tests.functions.client import PATIENT, Client, wait_until_saved

SESSION = "visitor-of-the-metrics"
HIKE = ["tent-008", "sleep-010", "stove-003"]
ALWAYS = {metric.name: metric.unit for metric in METRICS if metric.always}
COLD = {f"cold_{phase}_ms": "Milliseconds" for phase in ("process_start", "import", "model_load", "first_request")}
CLOCK_TICK_MS = 10.0
"""In which the kernel tells when a process was started."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack with one worker, so that its log is in the order of the requests."""
    with Stack(artifact=demo_artifact(), max_workers=1, settings=PATIENT) as stack:
        yield stack


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client(stack)


def units(record: dict[str, Any]) -> dict[str, str]:
    return {
        metric["Name"]: metric["Unit"]
        for directive in record["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    }


@pytest.mark.slow
def test_every_request_leaves_one_record(client: Client, stack: Stack) -> None:
    # GIVEN the current log
    before = len(client.records())

    # WHEN requests of all kinds are made
    client.append(SESSION, HIKE)
    client.get(SESSION)
    client.append(SESSION, HIKE, store=False)
    client.recommend(HIKE)
    client.recommend([])
    client.delete(SESSION)
    client.request("GET", "/v1/health")
    client.append(SESSION, [])
    client.request("GET", "/v2")
    client.direct({"operation": "recommend", "item_ids": HIKE})

    # THEN there is one record for each, with operation, status and `served_by` in its dimensions
    records = client.records()[before:]
    assert [(each["operation"], each["status"], each.get("served_by")) for each in records] == [
        ("append_events", 200, "session"),
        ("get_recommendations", 200, "session"),
        ("append_events", 200, "stateless"),
        ("recommend", 200, "stateless"),
        ("recommend", 200, "popular"),
        ("delete_session", 204, None),
        ("health", 200, None),
        ("append_events", 422, None),
        ("none", 404, None),
        ("recommend", 200, "stateless"),
    ]
    for record in records:
        dimension_sets = [tuple(directive["Dimensions"][0]) for directive in record["_aws"]["CloudWatchMetrics"]]
        assert dimension_sets == [OVERALL, BY_VERSION, BY_SOURCE] if "served_by" in record else [OVERALL]
        assert record.get("model_version") == (stack.version if "served_by" in record else None)
        # AND every declared metric has a number
        assert ALWAYS.items() <= units(record).items()
        assert all(isinstance(record[name], int | float) for name in units(record))


@pytest.mark.slow
def test_the_phases_add_up_to_less_than_the_request(client: Client, store: Any) -> None:
    client.append(SESSION, HIKE)
    wait_until_saved(store, SESSION)
    client.get(SESSION)
    client.recommend(HIKE)
    append, get, stateless = client.records()[-3:]

    phases = ("store_read_ms", "inference_ms", "store_write_ms")
    assert [[record[phase] > 0 for phase in phases] for record in (append, get, stateless)] == [
        [True, True, True],
        [True, True, True],  # it reads what the store said of the event's snapshot
        [False, True, False],
    ]
    # together not more than the request
    for record in (append, get, stateless):
        assert sum(record[phase] for phase in phases) <= record["total_ms"]


@pytest.mark.slow
def test_only_the_first_request_of_a_worker_is_a_cold_start(client: Client, stack: Stack) -> None:
    # GIVEN two workers, one after the other
    stack.retire_workers()
    before, starts = len(client.records()), len(stack.cold_starts)
    client.recommend(HIKE)
    client.recommend(HIKE)
    stack.retire_workers()
    client.request("GET", "/v1/health")
    client.recommend(HIKE)

    # WHEN their records are read
    records = client.records()[before:]

    # THEN only the first record of each is a cold start with its phases
    assert [record["cold_start"] for record in records] == [1, 0, 1, 0]
    assert [units(record).items() >= COLD.items() for record in records] == [True, False, True, False]
    assert [name for record in records[1::2] for name in record if name.startswith("cold_")] == ["cold_start"] * 2
    # AND the phases agree with the time until the worker requested its first invocation
    for record, seen in zip(records[::2], stack.cold_starts[starts:], strict=True):
        before_work = [record[name] for name in COLD if name != "cold_first_request_ms"]
        assert min(before_work) > 0
        assert sum(before_work) <= seen.ready_ms + CLOCK_TICK_MS
        assert record["cold_first_request_ms"] == record["total_ms"]


def test_no_log_line_contains_an_id(client: Client, stack: Stack) -> None:
    secret = ["visitor-in-private", "no-such-item-in-private", "look-in-private", "excluded-in-private"]
    event = {"item_id": secret[1], "event_id": secret[2]}
    client.append(secret[0], [event, *HIKE], exclude=[secret[3]])
    client.append(secret[0], [event], limit=0)
    client.append(secret[0] * 30, [event])
    client.append(secret[0], [{"item_id": secret[1] * 30, "event_id": secret[2]}])
    client.get(secret[0], exclude=secret[3])
    client.get(secret[0], limit=secret[3])
    client.request("PUT", f"/v1/sessions/{secret[0]}/events", {"item_ids": secret})
    client.request("POST", "/v1/recommendations", f'{{"item_ids": ["{secret[1]}'.encode())
    client.direct({"operation": secret[0], "session_id": secret[0]})
    client.direct(secret)
    client.delete(secret[0])

    log = "\n".join(stack.log_lines())
    assert [name for name in (*secret, *HIKE) if name in log] == []
    # there is nothing in it but the records
    assert [line for line in stack.log_lines() if "_aws" not in json.loads(line)] == []

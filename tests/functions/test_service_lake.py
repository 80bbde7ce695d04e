"""With the event lake on, the lake has what the service acknowledged, and forgets what it deleted."""

import time
from collections.abc import Iterator

import pytest

from devstack.publish import demo_artifact, object_store
from devstack.services.bucket import Bucket
from devstack.stack import KEY_SECRET, Stack
from model_export.lake.collector import Collected
from model_export.lake.compaction import compact
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.keys import SessionName
from tests.functions.client import PATIENT, Client, new_session
from tests.model_export.lake.rows import rows_of

BUCKETS = 4
HIKE = ["tent-008", "sleep-010", "stove-003"]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    # One worker: a request then waits for the record of the answer before, which is sent in the background
    with Stack(artifact=demo_artifact(), max_workers=1, settings=PATIENT, lake_buckets=BUCKETS) as stack:
        yield stack


@pytest.mark.slow
def test_the_lake_has_what_the_service_acknowledged(stack: Stack) -> None:
    assert stack.lake is not None
    client = Client(stack)
    first, second = new_session(), new_session()
    # GIVEN a session whose second event names the answer before it, and is sent twice; and a second session
    shown = client.append(first, [{"item_id": HIKE[0], "event_id": "1"}]).document
    liked = shown["recommendations"][1]["item_id"]
    click = {"item_id": liked, "event_id": "2", "recommendation_id": shown["recommendation_id"]}
    assert [client.append(first, [click]).document["events"][0]["status"] for _ in "ab"] == ["applied", "duplicate"]
    assert client.append(second, HIKE).document["stored"]

    # WHEN the streams are collected
    stack.lake.collect()

    # THEN each event is there once, with its rank in the answer, the model, and names that only the key gives
    with object_store(Bucket(stack.bucket, stack.s3_endpoint)) as lake:
        key = KeySecret(KEY_SECRET.encode()).lake_key
        names = [SessionName(session).pseudonym(key) for session in (first, second)]
        rows = rows_of(lake)
        assert sorted((row["session"], row["item_id"]) for row in rows) == sorted(
            [(names[0], HIKE[0]), (names[0], liked), *((names[1], item) for item in HIKE)]
        )
        (clicked,) = [row for row in rows if row["clicked"]]
        assert (clicked["item_id"], clicked["rank"]) == (liked, 2)
        assert clicked["judged_version"] == clicked["version"] == stack.version

        # WHEN a session is deleted THEN a collection and a compaction leave no event of it
        assert client.delete(first).status == 204
        stack.lake.collect()
        compact(lake, time.time_ns() // 1_000_000, retention_days=2)
        assert {row["session"] for row in rows_of(lake)} == {names[1]}
    assert stack.lake.collected == Collected(events=len(rows), deletions=1)
    assert stack.lake.fault is None


@pytest.mark.slow
def test_the_check_before_traffic_tries_the_stream(stack: Stack) -> None:
    # Its probe session is in the lake until the next compaction: it is deleted
    assert Client(stack).direct({"operation": "verify"})["status"] == "ok"

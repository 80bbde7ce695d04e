"""The function under SnapStart: restored from a snapshot into a world that has changed meanwhile."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from devstack.deployments import eventually
from devstack.processes.children import LOOPBACK
from devstack.publish import demo_artifact, publish
from devstack.services.bucket import Bucket
from devstack.stack import Stack
from tests.functions.client import PATIENT, Client
from tests.functions.keeping_line import KeepingLine
from tests.nextitem.redis_client.silent_proxy import SilentProxy

VISITOR = "visitor-before-and-after"
HIKE = ["tent-008", "sleep-010", "stove-003"]
RARELY = PATIENT | {"NEXTITEM_ROUTE_TTL_SECONDS": "86400"}
"""Nothing but a restore makes the function look at its route again."""


@pytest.fixture
def stack() -> Iterator[Stack]:
    with Stack(artifact=demo_artifact(), max_workers=1, settings=RARELY, snap_start=True) as stack:
        yield stack


@pytest.fixture
def client(stack: Stack) -> Client:
    return Client(stack)


def promote(stack: Stack, artifact: Path, folder: Path) -> str:
    return publish(artifact, Bucket(stack.bucket, stack.s3_endpoint), folder)


def connections(store: Any) -> set[str]:
    """The ids of the function's connections to the store; that of `store` itself is left out."""
    own = str(store.client_id())
    return {each["id"] for each in store.client_list() if each["id"] != own}


def warnings(stack: Stack) -> list[Any]:
    return [line for line in map(json.loads, stack.log_lines()) if line.get("level") == "WARNING"]


def test_a_restored_environment_knows_its_sessions(stack: Stack, client: Client) -> None:
    with redis.Redis.from_url(stack.store_url) as store:
        # GIVEN a session, and a worker at its snapshot, stopped as a snapshot is
        client.append(VISITOR, HIKE[:2])
        stack.retire_workers()
        stack.prepare()
        # THEN it holds no connection to the store
        assert connections(store) == set()
        with stack.frozen():
            store.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

        # WHEN it is restored by the next event THEN the session is there, on one new connection
        reply = client.append(VISITOR, HIKE[2:])
        assert (reply.status, reply.document["served_by"], reply.document["stored"]) == (200, "session", True)
        assert reply.document["session_length"] == 3
        assert connections(store)
    assert warnings(stack) == []


def pings(store: redis.Redis) -> int:
    """How often the store has been asked whether it is there."""
    return int(store.info("commandstats").get("cmdstat_ping", {"calls": 0})["calls"])


def test_a_snapshot_holds_no_connection_to_the_store_whatever_was_done_before() -> None:
    # GIVEN a function that has used its store during its init
    settings = RARELY | {"PYTHONPATH": str(Path(__file__).parent / "eager")}
    handler = "eager_recommend.handler"
    with Stack(artifact=demo_artifact(), handler=handler, max_workers=1, settings=settings, snap_start=True) as stack:
        with redis.Redis.from_url(stack.store_url) as store:
            before = pings(store)  # devstack asks until the store answers
            # WHEN it is at its snapshot THEN it holds no connection
            stack.prepare()
            assert pings(store) == before + 1
            eventually(lambda: connections(store) == set(), "its connection is closed")
        # AND once restored it goes on
        assert Client(stack).append(VISITOR, HIKE).document["session_length"] == 3


def test_the_restore_is_told_and_not_the_snapshots_start(stack: Stack, client: Client) -> None:
    # GIVEN a worker at its snapshot WHEN it is restored, and answers twice
    stack.prepare()
    client.recommend(HIKE)
    client.recommend(HIKE)

    # THEN its first request was a cold start, by its restore alone
    first, second = client.records()
    assert (first["cold_start"], second["cold_start"]) == (1, 0)
    assert {name for name in first if name.startswith("cold_")} == {
        "cold_start",
        "cold_restore_ms",
        "cold_first_request_ms",
    }
    assert first["cold_restore_ms"] > 0


def test_a_route_that_was_rolled_back_meanwhile_is_obeyed_at_once(
    stack: Stack, client: Client, other_artifact: Path, tmp_path: Path
) -> None:
    # GIVEN a snapshot with a version that is then rolled back
    bad = promote(stack, other_artifact, tmp_path)
    stack.prepare()
    promote(stack, demo_artifact(), tmp_path)

    # WHEN it is restored THEN its first answer is that of the version before
    reply = client.recommend(HIKE)
    assert reply.document["model"]["version"] == stack.version != bad


def test_a_snapshot_without_a_model_finds_one_when_it_is_restored(tmp_path: Path) -> None:
    with Stack(max_workers=1, settings=RARELY, snap_start=True) as stack:
        # GIVEN a snapshot that was taken before the first promotion WHEN it is restored after it THEN it serves
        stack.prepare()
        version = promote(stack, demo_artifact(), tmp_path)
        reply = Client(stack).recommend(HIKE)
        assert (reply.status, reply.document["model"]["version"]) == (200, version)


def test_no_connection_to_the_bucket_from_before_is_used(other_artifact: Path, tmp_path: Path) -> None:
    with KeepingLine() as bucket, SilentProxy() as line:
        line.target = bucket.port
        settings = RARELY | {"AWS_ENDPOINT_URL_S3": f"http://{LOOPBACK}:{line.port}"}
        with Stack(artifact=demo_artifact(), max_workers=1, settings=settings, snap_start=True) as stack:
            # GIVEN a snapshot whose connections to the bucket lead nowhere when it is restored
            bucket.target = stack.s3_endpoint
            stack.prepare()
            line.fall_silent()
            version = promote(stack, other_artifact, tmp_path)
            # WHEN it is restored THEN it has read the route all the same
            assert Client(stack).recommend(HIKE).document["model"]["version"] == version
            assert warnings(stack) == []


def test_without_the_store_a_restored_environment_answers_all_the_same(stack: Stack, client: Client) -> None:
    # GIVEN a snapshot, and a store that is gone when it is restored
    stack.prepare()
    stack.kill_store()
    # WHEN events come THEN they are answered
    replies = [client.append(VISITOR, [item_id]) for item_id in HIKE]
    assert [(reply.status, reply.document["served_by"]) for reply in replies] == [(200, "stateless")] * 3


def test_without_the_bucket_the_snapshots_model_is_served(stack: Stack, client: Client) -> None:
    # GIVEN a snapshot, and a bucket that is gone when it is restored
    stack.prepare()
    stack.kill_bucket()
    # WHEN an event comes THEN the model that is there answers, and the log says that the route was not read
    reply = client.append(VISITOR, HIKE)
    assert (reply.status, reply.document["served_by"]) == (200, "session")
    assert reply.document["model"]["version"] == stack.version
    assert [(line["message"], line["fault"]) for line in warnings(stack)] == [("not refreshed", "RegistryUnavailable")]

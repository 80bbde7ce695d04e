"""The function under SnapStart: the world changed between snapshot and restore."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from devstack.deployments import eventually
from devstack.processes.children import LOOPBACK
from devstack.publish import demo_artifact
from devstack.stack import Stack
from tests.functions.client import PATIENT, Client
from tests.functions.keeping_line import KeepingLine
from tests.functions.promoting import promote
from tests.nextitem.redis_client.silent_proxy import SilentProxy

pytestmark = pytest.mark.slow

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


def connections(store: Any) -> set[str]:
    """The ids of the function's connections to the store; that of `store` itself is left out."""
    own = str(store.client_id())
    return {each["id"] for each in store.client_list() if each["id"] != own}


def warnings(stack: Stack) -> list[Any]:
    return [line for line in map(json.loads, stack.log_lines()) if line.get("level") == "WARNING"]


def test_a_restored_process_reads_its_sessions(stack: Stack, client: Client) -> None:
    with redis.Redis.from_url(stack.store_url) as store:
        # GIVEN a session, and a worker stopped where SnapStart takes its snapshot
        client.append(VISITOR, HIKE[:2])
        stack.retire_workers()
        stack.prepare()
        # THEN it holds no connection to the store
        assert connections(store) == set()
        with stack.frozen():
            store.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

        # WHEN the next event restores it THEN it reads the session over one new connection
        reply = client.append(VISITOR, HIKE[2:])
        assert (reply.status, reply.document["served_by"], reply.document["stored"]) == (200, "session", True)
        assert reply.document["session_length"] == 3
        assert connections(store)
    assert warnings(stack) == []


def pings(store: redis.Redis) -> int:
    """Return the number of PING commands that the store has executed."""
    return int(store.info("commandstats").get("cmdstat_ping", {"calls": 0})["calls"])


def test_a_snapshot_has_no_open_connection_to_the_store() -> None:
    settings = RARELY | {"PYTHONPATH": str(Path(__file__).parent / "eager")}
    handler = "eager_recommend.handler"
    with Stack(artifact=demo_artifact(), handler=handler, max_workers=1, settings=settings, snap_start=True) as stack:
        with redis.Redis.from_url(stack.store_url) as store:
            before = pings(store)  # devstack asks until the store answers
            stack.prepare()
            assert pings(store) == before + 1
            eventually(lambda: connections(store) == set(), "its connection is closed")
        # once restored it goes on
        assert Client(stack).append(VISITOR, HIKE).document["session_length"] == 3


def test_the_first_record_reports_the_restore_not_the_start(stack: Stack, client: Client) -> None:
    stack.prepare()
    client.recommend(HIKE)
    client.recommend(HIKE)

    first, second = client.records()
    assert (first["cold_start"], second["cold_start"]) == (1, 0)
    assert {name for name in first if name.startswith("cold_")} == {
        "cold_start",
        "cold_restore_ms",
        "cold_first_request_ms",
    }
    assert first["cold_restore_ms"] > 0


def test_a_restored_process_serves_the_route_of_now(
    stack: Stack, client: Client, other_artifact: Path, tmp_path: Path
) -> None:
    bad = promote(stack, other_artifact, tmp_path)
    stack.prepare()
    promote(stack, demo_artifact(), tmp_path)

    reply = client.recommend(HIKE)
    assert reply.document["model"]["version"] == stack.version != bad


def test_a_snapshot_without_a_model_loads_one_when_restored(tmp_path: Path) -> None:
    with Stack(max_workers=1, settings=RARELY, snap_start=True) as stack:
        stack.prepare()
        version = promote(stack, demo_artifact(), tmp_path)
        reply = Client(stack).recommend(HIKE)
        assert (reply.status, reply.document["model"]["version"]) == (200, version)


def test_a_restored_process_opens_new_connections_to_the_bucket(other_artifact: Path, tmp_path: Path) -> None:
    with KeepingLine() as bucket, SilentProxy() as line:
        line.target = bucket.port
        settings = RARELY | {"AWS_ENDPOINT_URL_S3": f"http://{LOOPBACK}:{line.port}"}
        with Stack(artifact=demo_artifact(), max_workers=1, settings=settings, snap_start=True) as stack:
            bucket.target = stack.s3_endpoint
            stack.prepare()
            line.fall_silent()
            version = promote(stack, other_artifact, tmp_path)
            assert Client(stack).recommend(HIKE).document["model"]["version"] == version
            assert warnings(stack) == []


def test_a_restored_process_answers_without_the_store(stack: Stack, client: Client) -> None:
    stack.prepare()
    stack.kill_store()
    replies = [client.append(VISITOR, [item_id]) for item_id in HIKE]
    assert [(reply.status, reply.document["served_by"]) for reply in replies] == [(200, "stateless")] * 3


def test_a_restored_process_serves_the_snapshot_s_model_without_the_bucket(stack: Stack, client: Client) -> None:
    stack.prepare()
    stack.kill_bucket()
    reply = client.append(VISITOR, HIKE)
    assert (reply.status, reply.document["served_by"]) == (200, "session")
    assert reply.document["model"]["version"] == stack.version
    assert [(line["message"], line["fault"]) for line in warnings(stack)] == [
        ("background work failed", "RegistryUnavailable")
    ]

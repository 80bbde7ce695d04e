"""Lambda freezes the function between two invocations, and its connections die meanwhile."""

import threading

import pytest
import redis

from devstack.publish import demo_artifact
from devstack.stack import Stack
from nextitem.deadline import Deadline
from tests.functions.client import PATIENT, Client, session_keys
from tests.nextitem.parts import PATIENCE_SECONDS

VISITOR = "visitor-after-a-long-pause"
HIKE = ["tent-008", "sleep-010", "stove-003"]


def wait_for_snapshot(store: redis.Redis) -> None:
    """Wait until the store has what the answer did not wait for."""
    limit = Deadline.after(PATIENCE_SECONDS)
    while not all(any(str(field).startswith("h:") for field in store.hkeys(key)) for key in session_keys(store)):
        assert limit.remaining(), "no snapshot came"
        threading.Event().wait(0.001)


@pytest.mark.slow
def test_a_thawed_function_reads_sessions_over_new_connections() -> None:
    with Stack(artifact=demo_artifact(), max_workers=1, settings=PATIENT) as stack:
        # GIVEN a worker with a session and an open connection
        client = Client(stack)
        for _ in range(2):  # the store knows the scripts then
            client.append("another-visitor", HIKE[:1])
        client.append(VISITOR, HIKE[:2])
        with redis.Redis.from_url(stack.store_url, decode_responses=True) as store:
            wait_for_snapshot(store)
            # WHEN it is frozen, and the store closes its connection meanwhile
            with stack.frozen():
                assert store.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") >= 1
            # THEN its next request is answered from the session and stored
            reply = client.append(VISITOR, HIKE[2:])
        assert (reply.status, reply.document["served_by"], reply.document["stored"]) == (200, "session", True)
        assert reply.document["session_length"] == 3
        # AND by the same worker, without a fault
        assert len(stack.cold_starts) == 1
        assert client.records()[-1]["store_faults"] == 0

"""The function between two invocations, when Lambda freezes it and its connections die unseen."""

import redis

from devstack.publish import demo_artifact
from devstack.stack import Stack
from tests.functions.client import PATIENT, Client

VISITOR = "visitor-after-a-long-pause"
HIKE = ["tent-008", "sleep-010", "stove-003"]


def test_a_thawed_function_answers_with_its_session_though_its_connections_are_gone() -> None:
    with Stack(artifact=demo_artifact(), max_workers=1, settings=PATIENT) as stack:
        # GIVEN a worker with a session and an open connection
        client = Client(stack)
        client.append(VISITOR, HIKE[:2])
        with redis.Redis.from_url(stack.store_url) as store:
            # WHEN it is frozen, and the store hangs up on it meanwhile
            with stack.frozen():
                assert store.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") == 1
            # THEN its next request is answered from the session, and stored
            reply = client.append(VISITOR, HIKE[2:])
        assert (reply.status, reply.document["served_by"], reply.document["stored"]) == (200, "session", True)
        assert reply.document["session_length"] == 3
        # AND by the same worker, without a fault
        assert len(stack.cold_starts) == 1
        assert client.records()[-1]["store_faults"] == 0

"""The function with a real Redis over TLS."""

from collections.abc import Iterator
from typing import Any

import pytest

from devstack.processes.children import Children
from devstack.publish import demo_artifact
from devstack.stack import Stack
from tests.functions.client import PATIENT, Client, session_keys
from tests.nextitem.redis_server import TlsRedis

VISITOR = "visitor-behind-tls"
HIKE = ["tent-008", "sleep-010", "stove-003"]
QUICK = {"NEXTITEM_STORE_TIMEOUT_MS": "200"}
"""A server that takes TLS for a command is not waited for longer."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsRedis]:
    with Children() as children:
        yield TlsRedis(children, tmp_path_factory.mktemp("redis"))


def start(url: str, **settings: str) -> Stack:
    return Stack(artifact=demo_artifact(), max_workers=1, settings=PATIENT | settings | {"NEXTITEM_STORE_URL": url})


@pytest.mark.slow
def test_sessions_are_kept_over_tls(server: TlsRedis) -> None:
    with start(server.url()) as stack:
        client = Client(stack)
        replies = [client.append(VISITOR, [item_id]) for item_id in HIKE]
        assert [(reply.document["served_by"], reply.document["session_length"]) for reply in replies] == [
            ("session", length) for length in (1, 2, 3)
        ]
        assert client.get(VISITOR).items == replies[-1].items
        with server.client() as redis:
            assert len(session_keys(redis)) == 1
            assert client.delete(VISITOR).status == 204
            assert session_keys(redis) == set()


@pytest.mark.parametrize("wrong", ["password", "trust", "plain port", "plain scheme"])
@pytest.mark.slow
def test_a_store_that_refuses_the_login_is_not_a_server_error(server: TlsRedis, wrong: str) -> None:
    ways: dict[str, dict[str, Any]] = {
        "password": {"password": "a guess"},
        "trust": {"trust": False},
        "plain port": {"port": server.plain_port},
        "plain scheme": {"scheme": "redis"},
    }
    with start(server.url(**ways[wrong]), **QUICK) as stack:
        client = Client(stack)
        reply = client.append(VISITOR, HIKE)
        assert (reply.status, reply.document["served_by"], reply.document["stored"]) == (200, "stateless", False)
        assert client.request("GET", "/v1/health").document["store"] == "unavailable"
        # what needs the store says when to try again, and no more
        reply = client.delete(VISITOR)
        assert (reply.status, "retry-after" in reply.headers) == (503, True)
        assert "guess" not in str(reply.document) + "\n".join(stack.log_lines())
        # nothing went wrong in ours
        assert [record["server_errors"] for record in client.records()][:2] == [0, 0]

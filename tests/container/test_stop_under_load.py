"""A container is stopped while its queues are full: each request is answered, and the store has what answers say.

A connection that comes in the microseconds between the last `accept` and the end of the listening socket is reset by
the kernel: it counts as refused, and nothing of it may be stored.
"""

import http.client
import json
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
import redis

from devstack.container import Container
from devstack.deployments import eventually
from devstack.publish import demo_artifact
from devstack.stack import KEY_SECRET, Stack
from nextitem.sessions.codec import decode_record, event_tag
from nextitem.sessions.keys import session_key
from tests.functions.client import PATIENT

WORKERS, CLIENTS = 2, 12
ROOM = 3
"""Requests that a worker holds: one at work, two that wait."""
LIMITS = {"NEXTITEM_CONCURRENCY": "1", "NEXTITEM_QUEUE": str(ROOM - 1), "NEXTITEM_DRAIN_DELAY_SECONDS": "1"}
MAX_RESETS = 2
"""Of a dozen clients that connect hundreds of times a second."""
SECONDS = 20.0
PAUSE_MS = 60_000
"""In which the store does no write, unless the test ends it."""


@dataclass
class Sent:
    """A request: its session, and its answer; none if the server has refused the connection."""

    session_id: str
    status: int | None
    stored: bool


class Client(threading.Thread):
    """Sends one request after the other, each on a connection of its own, until the server refuses them."""

    def __init__(self, address: str, number: int) -> None:
        super().__init__(daemon=True)
        self._address, self._number = address, number
        self.sent: list[Sent] = []
        self.failures: list[str] = []

    def run(self) -> None:
        """Send until the server has gone."""
        while True:
            session_id = f"crowd-{self._number}-{len(self.sent)}"
            body = json.dumps({"events": [{"item_id": "tent-008", "event_id": "e"}]})
            with closing(http.client.HTTPConnection(self._address, timeout=SECONDS)) as connection:
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    return
                try:
                    connection.request("POST", f"/v1/sessions/{session_id}/events", body)
                    answer = connection.getresponse()
                    document = json.loads(answer.read())
                except ConnectionResetError:
                    self.sent.append(Sent(session_id, None, stored=False))
                    return
                except (OSError, http.client.HTTPException) as error:
                    self.failures.append(f"{session_id}: {error!r}")
                    return
            self.sent.append(Sent(session_id, answer.status, document.get("stored", False)))
            time.sleep(0.01)


def waiting(container: Container) -> int:
    """Return how many requests wait in all workers."""
    with closing(http.client.HTTPConnection(urlsplit(container.url).netloc, timeout=SECONDS)) as connection:
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode()
    return sum(
        int(float(line.split()[-1])) for line in page.splitlines() if line.startswith("nextitem_requests_waiting{")
    )


@pytest.mark.slow
def test_a_container_with_full_queues_answers_everything_before_it_stops() -> None:
    with Stack(artifact=demo_artifact(), max_workers=1, settings=PATIENT) as stack:
        with (
            Container(stack, workers=WORKERS, settings=LIMITS) as container,
            redis.Redis.from_url(stack.store_url) as store,
        ):
            clients = [Client(urlsplit(container.url).netloc, number) for number in range(CLIENTS)]
            # GIVEN a store that pauses, and queues that are full
            store.client_pause(PAUSE_MS, all=False)
            for client in clients:
                client.start()
            eventually(lambda: waiting(container) == WORKERS * (ROOM - 1), "the queues are full")
            # WHEN it is stopped, and the clients go on until it refuses them
            container.begin_stop()
            store.client_unpause()
            assert container.stop() == 0
            for client in clients:
                client.join(SECONDS)

        # THEN each request has an answer: it was stored, or refused for want of room
        assert [client.failures for client in clients] == [[]] * CLIENTS
        sent = [request for client in clients for request in client.sent]
        outcomes = {(request.status, request.stored) for request in sent}
        assert outcomes - {(None, False)} == {(200, True), (503, False)}
        assert sum(request.status is None for request in sent) <= MAX_RESETS
        # AND the store has just what was stored, once
        with redis.Redis.from_url(stack.store_url) as store:
            for request in sent:
                key = session_key(KEY_SECRET.encode(), request.session_id)
                record = decode_record(*store.hmget(key, "log", "none"))
                tags = [] if record is None else [entry.tag for entry in record.log]
                assert tags == [event_tag(key.hash_key, "e")] * request.stored, request

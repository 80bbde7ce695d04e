"""Clients that send events all the time and never try again, and the check of what the store then holds."""

import http.client
import json
import threading
from typing import Any, Self

import numpy as np
import redis

from devstack.stack import KEY_SECRET
from nextitem.model.engine import Model
from nextitem.sessions.codec import decode_record, event_tag
from nextitem.sessions.keys import session_key
from nextitem.sessions.session import WINDOW

SECONDS = 20.0
PAUSE_SECONDS = 0.03
"""Between two requests of a client."""
SHELF = ["tent-008", "sleep-010", "stove-003", "mug-003", "espresso-013", "grinder-021", "coffee-004", "tea-010"]
CONNECTION_REQUESTS = 3
"""Requests after which a client opens another connection, which may lead to any server."""
SHARED_EVERY = 20
"""One of so many events goes to a session that all clients share."""
SHARED_EVENTS = 200
"""A client's requests after which the shared session is another one, so that no log is longer than its window."""
TOLERANCE = 1e-4


class Shopper(threading.Thread):
    """One client with one connection at a time, which is opened again where an answer has said that it closes.

    Attributes:
        failures: requests without an answer, or with another one than a stored 200.
        acknowledged: the ids of events, in the order in which they were sent, by session.
        requests: the number of requests.
    """

    def __init__(self, address: str, name: str, stop: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self._connection = http.client.HTTPConnection(address, timeout=SECONDS)
        self._stopped = stop
        self.failures: list[str] = []
        self.acknowledged: dict[str, list[str]] = {}
        self.requests = 0

    def run(self) -> None:
        """Send until the event is set."""
        while not self._stopped.wait(PAUSE_SECONDS):
            session = f"{self.name}-{self.requests // WINDOW}"
            if self.requests % SHARED_EVERY == 0:
                session = f"tablet-{self.requests // SHARED_EVENTS}"
            if self.requests % CONNECTION_REQUESTS == 0:
                self._connection.close()
            self._append(session, f"{self.name}-{self.requests}", SHELF[self.requests % len(SHELF)])
        self._connection.close()

    def _append(self, session: str, event_id: str, item_id: str) -> None:
        body = json.dumps({"events": [{"item_id": item_id, "event_id": event_id}]})
        self.requests += 1
        try:
            self._connection.request("POST", f"/v1/sessions/{session}/events", body)
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            self.failures.append(f"{event_id}: {error!r}")
            return
        document = json.loads(text)
        statuses = [event["status"] for event in document.get("events", ())]
        if answer.status != http.client.OK or not document["stored"] or statuses != ["applied"]:
            self.failures.append(f"{event_id}: {answer.status} {text[:200]!r}")
            return
        self.acknowledged.setdefault(session, []).append(event_id)


class Shoppers:
    """Several clients inside a ``with`` block."""

    def __init__(self, address: str, count: int) -> None:
        self._stopped = threading.Event()
        self.all = [Shopper(address, f"shopper-{number}", self._stopped) for number in range(count)]

    def __enter__(self) -> Self:
        for shopper in self.all:
            shopper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for shopper in self.all:
            shopper.join()

    @property
    def failures(self) -> list[str]:
        """All failures."""
        return [failure for shopper in self.all for failure in shopper.failures]

    @property
    def requests(self) -> int:
        """The number of all requests."""
        return sum(shopper.requests for shopper in self.all)

    def check_store(self, store_url: str, model: Model) -> int:
        """Check each session in the store: every acknowledged event once, in its client's order, and the hidden state.

        Every server must have stopped: then it has saved the snapshot of the last event.

        Returns:
            The number of sessions.
        """
        session_ids = {session_id for shopper in self.all for session_id in shopper.acknowledged}
        with redis.Redis.from_url(store_url) as store:
            for session_id in session_ids:
                _check(store, model, session_id, [shopper.acknowledged.get(session_id, []) for shopper in self.all])
        return len(session_ids)


def _check(store: Any, model: Model, session_id: str, acknowledged: list[list[str]]) -> None:
    key = session_key(KEY_SECRET.encode(), session_id)
    record = decode_record(*store.hmget(key, "log", f"h:{model.version}"))
    assert record is not None, session_id
    stored = [entry.tag for entry in record.log]
    of_clients = [[event_tag(key.hash_key, event_id) for event_id in event_ids] for event_ids in acknowledged]
    # none lost, none doubled, and none that no client has sent
    assert sorted(stored) == sorted(tag for tags in of_clients for tag in tags), session_id
    for tags in of_clients:
        places = [stored.index(tag) for tag in tags]
        assert places == sorted(places), session_id
    assert record.length == len(stored) <= WINDOW, session_id
    assert record.snapshot is not None, f"{session_id}: not saved"
    assert record.snapshot.chain == record.log[-1].chain, f"{session_id}: not saved"
    clean = model.replay(None, model.vocabulary.indices(record.item_ids))
    assert np.allclose(record.snapshot.hidden, clean, atol=TOLERANCE), session_id

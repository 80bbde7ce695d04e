"""Traffic: many simulator sessions at once, sent over HTTP by a few threads, everything noted in a journal.

Like phones on a bad network: events are sent again under their id, answered or not, some come late with a time in the
past, some in batches, some without an id. Knows no fault and no store.
"""

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote, urlsplit

import msgspec

from bench.chaos.journal import Call, Journal, SentEvent
from nextitem.api import Answer
from shop import Shop
from shop.chance import Chance

THREADS = 4
"""As many as workers: then a client never waits for a worker, and its times are the function's and the way's."""
PAUSE_SECONDS = 0.03
"""At most, between two requests of a thread."""
HTTP_SECONDS = 20.0
AGAIN, BATCH, TIMED, NAMELESS, HOT = 0.15, 0.1, 0.2, 0.1, 0.2
"""Shares of requests: sent again, in a batch, with a time of their own, without an id, for one of few sessions."""
HOT_SESSIONS = 8
BATCH_EVENTS = 4
LATE_MS = 120_000
_ABORTED = 599


@dataclass
class _Visitor:
    """A session on its way: what is still to come, and what may be sent again."""

    session_id: str
    coming: list[str]
    sent: list[SentEvent] = field(default_factory=list)


class Traffic:
    """Traffic to one API, inside its ``with`` block; the journal is complete when that ends.

    Args:
        url: of the HTTP API.
        sessions: how many are open at any time.
        name: distinguishes this run's session ids, and is its seed.
    """

    def __init__(self, url: str, sessions: int, name: str) -> None:
        self.journal = Journal()
        self._url, self._name = url, name
        shop = Shop()
        # More than can be used up: a simulated session is made when it is wanted.
        self._supply = shop.sessions(1_000_000, seed=1)
        self._open = [self._next() for _ in range(sessions)]
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._drive, args=(number,)) for number in range(THREADS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def session_ids(self) -> list[str]:
        """The sessions that are open now."""
        with self._lock:
            return [visitor.session_id for visitor in self._open]

    def _next(self) -> _Visitor:
        session = next(self._supply)
        return _Visitor(f"{self._name}.{session.session_id}", list(reversed(session.item_ids)))

    def _drive(self, number: int) -> None:
        chance = Chance(self._name, number)
        with client_of(self._url) as client:
            while not self._stop.wait(chance.part() * PAUSE_SECONDS):
                session_id, events = self._request(chance)
                self.journal.note(client.append(session_id, events))

    def _request(self, chance: Chance) -> tuple[str, list[SentEvent]]:
        with self._lock:
            place = int(chance.part() * (HOT_SESSIONS if chance.happens(HOT) else len(self._open)))
            visitor = self._open[place % len(self._open)]
            if visitor.sent and chance.happens(AGAIN):
                return visitor.session_id, [chance.one_of(visitor.sent)]
            if not visitor.coming:
                self._open[place % len(self._open)] = visitor = self._next()
            count = 1 + int(chance.part() * BATCH_EVENTS) if chance.happens(BATCH) else 1
            items = [visitor.coming.pop() for _ in range(min(count, len(visitor.coming)))]
            events = [_event(item_id, visitor, chance) for item_id in items]
            visitor.sent += [event for event in events if event.event_id]
            return visitor.session_id, events


def _event(item_id: str, visitor: _Visitor, chance: Chance) -> SentEvent:
    at = int(time.time() * 1000 - chance.part() * LATE_MS) if chance.happens(TIMED) else None
    event_id = "" if chance.happens(NAMELESS) else f"e{int(chance.part() * 1e15)}-{len(visitor.coming)}"
    return SentEvent(event_id, item_id, at)


class Client:
    """One client's connection to the API; each call is answered with its entry for the journal."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=HTTP_SECONDS)

    def append(self, session_id: str, events: list[SentEvent]) -> Call:
        """Append events."""
        documents = [
            {"item_id": one.item_id}
            | ({"event_id": one.event_id} if one.event_id else {})
            | ({} if one.occurred_at is None else {"occurred_at": one.occurred_at})
            for one in events
        ]
        return self._call("POST", session_id, "events", json.dumps({"events": documents}), events)

    def recommendations(self, session_id: str) -> Call:
        """Ask for a session's recommendations."""
        return self._call("GET", session_id, "recommendations", None, [])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _call(self, method: str, session_id: str, what: str, body: str | None, events: list[SentEvent]) -> Call:
        path = f"/v1/sessions/{quote(session_id, safe='')}/{what}"
        started = time.monotonic()
        try:
            self._connection.request(method, path, body, {"content-type": "application/json"})
            response = self._connection.getresponse()
            status, text = response.status, response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            status, text = _ABORTED, b""
        ended = time.monotonic()
        if status != http.client.OK:
            return Call(session_id, tuple(events), started, ended, status)
        answer = msgspec.json.decode(text, type=Answer)
        answered = answer.events or []
        named = [
            SentEvent(told.event_id, one.item_id, one.occurred_at) for one, told in zip(events, answered, strict=True)
        ]
        return Call(
            session_id,
            tuple(named),
            started,
            ended,
            status,
            answer.served_by,
            bool(answer.stored),
            answer.session_length,
            tuple(one.status for one in answered),
            tuple((one.item_id, one.score) for one in answer.recommendations),
        )


@contextlib.contextmanager
def client_of(url: str) -> Iterator[Client]:
    """A client, closed at the end of the block."""
    client = Client(url)
    try:
        yield client
    finally:
        client.close()

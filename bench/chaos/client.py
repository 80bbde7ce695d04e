"""One client of the HTTP API, whose every call becomes an entry for the journal. Knows no session's story."""

import contextlib
import http.client
import json
import time
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import msgspec

from bench.chaos.journal import Call, SentEvent
from nextitem.service.schema import Answer

HTTP_SECONDS = 20.0
_ABORTED = 599
"""Stands for the status of a request that was never answered."""


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

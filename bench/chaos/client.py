"""A client of the HTTP API whose calls are entries for the journal."""

import contextlib
import http.client
import json
import select
import time
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote, urlsplit

import msgspec

from bench.chaos.journal import Call, Deletion, SentEvent
from nextitem.service.schema import Answer

HTTP_SECONDS = 20.0
_ABORTED = 599
"""The status of a request without an answer."""


class Client:
    """One connection to the API; each method returns the entry for the journal."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=HTTP_SECONDS)

    def append(self, session_id: str, events: list[SentEvent]) -> Call:
        """Append events."""
        documents = [
            {"item_id": event.item_id, "type": event.type}
            | ({"event_id": event.event_id} if event.event_id else {})
            | ({} if event.occurred_at is None else {"occurred_at": event.occurred_at})
            for event in events
        ]
        return self._call("POST", session_id, "events", json.dumps({"events": documents}), events)

    def recommendations(self, session_id: str) -> Call:
        """Get a session's recommendations."""
        return self._call("GET", session_id, "recommendations", None, [])

    def delete(self, session_id: str) -> Deletion:
        """Delete a session."""
        started = time.monotonic()
        status, _ = self._exchange("DELETE", f"/v1/sessions/{quote(session_id, safe='')}", None)
        return Deletion(session_id, started, time.monotonic(), status)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _call(self, method: str, session_id: str, what: str, body: str | None, events: list[SentEvent]) -> Call:
        path = f"/v1/sessions/{quote(session_id, safe='')}/{what}"
        started = time.monotonic()
        status, text = self._exchange(method, path, body)
        ended = time.monotonic()
        if status != http.client.OK:
            return Call(session_id, tuple(events), started, ended, status)
        answer = msgspec.json.decode(text, type=Answer)
        answered = answer.events or []
        named = [replace(event, event_id=status.event_id or "") for event, status in zip(events, answered, strict=True)]
        return Call(
            session_id,
            tuple(named),
            started,
            ended,
            status,
            answer.served_by,
            bool(answer.stored),
            answer.session_length,
            tuple(event.status for event in answered),
            tuple((item.item_id, item.score) for item in answer.recommendations),
        )

    def _exchange(self, method: str, path: str, body: str | None) -> tuple[int, bytes]:
        if self._connection.sock is not None and select.select([self._connection.sock], [], [], 0)[0]:
            self._connection.close()  # the server has closed it meanwhile; clients look before they send
        try:
            self._connection.request(method, path, body, {"content-type": "application/json"})
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return _ABORTED, b""


@contextlib.contextmanager
def open_client(url: str) -> Iterator[Client]:
    """Open a client; it is closed at the end of the block."""
    client = Client(url)
    try:
        yield client
    finally:
        client.close()

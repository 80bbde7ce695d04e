"""A client of the service, over HTTP and by direct invokes."""

import http.client
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest

from devstack.deployments import eventually
from devstack.stack import KEY_SECRET, Stack
from nextitem.model.engine import RankedItem
from nextitem.model.vocabulary import Vocabulary
from nextitem.sessions.codec import decode_impression, decode_record
from nextitem.sessions.keys import session_key

Item = tuple[str, float]
"""An item id and its score."""

PATIENT = {"NEXTITEM_STORE_TIMEOUT_MS": "5000", "NEXTITEM_DEADLINE_MS": "20000"}
"""Settings with which a busy machine is no reason to go without the store."""

HTTP_SECONDS = 60.0
ATTEMPTS = 10_000
"""Requests after which what has not happened never will: some ten seconds of them."""

SCORE_STEP = 1e-6
"""Answers round scores to so much."""


@dataclass(frozen=True)
class Reply:
    """A response; `document` is its body's JSON, None where it has no body."""

    status: int
    headers: dict[str, str]
    document: Any

    @property
    def items(self) -> list[Item]:
        """The recommendations, best first."""
        return [(item["item_id"], item["score"]) for item in self.document["recommendations"]]

    @property
    def item_ids(self) -> list[str]:
        """The recommendations' items, best first."""
        return [item_id for item_id, _ in self.items]

    @property
    def statuses(self) -> list[str]:
        """The outcome of each event."""
        return [event["status"] for event in self.document["events"]]


class Client:
    """Calls one stack; may be shared between threads.

    `token` goes with each HTTP request, where the API wants one. `url` is that of another entry point.
    """

    def __init__(self, stack: Stack, token: str | None = None, url: str | None = None) -> None:
        self._stack = stack
        self._authorization = {} if token is None else {"authorization": f"Bearer {token}"}
        self._address = urlsplit(url or stack.url).netloc

    def request(self, method: str, target: str, body: Any = None) -> Reply:
        """Send a request; a `body` of bytes goes as it is, any other as JSON."""
        payload = body if body is None or isinstance(body, bytes) else _text(body)
        headers = self._authorization | ({} if payload is None else {"content-type": "application/json"})
        connection = http.client.HTTPConnection(self._address, timeout=HTTP_SECONDS)
        try:
            connection.request(method, target, payload, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        names = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, names, json.loads(text) if text else None)

    def append(self, session_id: str, events: Any, **fields: Any) -> Reply:
        """Append events, each a document or no more than an item id."""
        documents = [{"item_id": event} if isinstance(event, str) else event for event in events]
        return self.request("POST", f"{_path(session_id)}/events", {"events": documents, **fields})

    def get(self, session_id: str, **query: Any) -> Reply:
        """Ask for a session's recommendations."""
        return self.request("GET", f"{_path(session_id)}/recommendations?{urlencode(query, doseq=True)}")

    def delete(self, session_id: str) -> Reply:
        """Delete a session."""
        return self.request("DELETE", _path(session_id))

    def recommend(self, item_ids: Sequence[str], **fields: Any) -> Reply:
        """Ask for recommendations without a session."""
        return self.request("POST", "/v1/recommendations", {"item_ids": item_ids, **fields})

    def direct(self, event: Any) -> Any:
        """Invoke the function directly."""
        return json.loads(self._stack.invoke(_text(event)))

    def until(self, ask: Callable[[], Reply], fits: Callable[[Reply], bool]) -> Reply:
        """Ask again and again, and return the first reply that fits."""
        for _ in range(ATTEMPTS):
            if fits(reply := ask()):
                return reply
        pytest.fail(f"never answered as expected; at last: {reply}\n" + "\n".join(self._stack.log_lines()[-5:]))

    def records(self) -> list[dict[str, Any]]:
        """The metrics records (EMF) so far, by their times: any worker may have answered the last request.

        Lambda's line of a raised error is not JSON.
        """
        documents = [json.loads(line) for line in self._stack.log_lines() if line.startswith("{")]
        records = [document for document in documents if "_aws" in document]
        return sorted(records, key=lambda record: int(record["_aws"]["Timestamp"]))


def new_session() -> str:
    """Return an unused session id."""
    return f"visitor-{uuid.uuid4().hex}"


def wait_until_saved(store: Any, session_id: str, secret: str = KEY_SECRET, buckets: int = 0) -> bytes:
    """Wait until the session's newest snapshot, which a worker sends in the background, is stored; return its bytes."""
    key = session_key(secret.encode(), session_id, buckets)

    def is_saved() -> bool:
        log, shown = store.hmget(key, "log", "shown")
        record, impression = decode_record(log, None), decode_impression(shown)
        return record is not None and impression is not None and impression.chain == record.log[-1].chain

    eventually(is_saved, "the snapshot is stored")
    return bytes(store.dump(key))


def session_keys(store: Any) -> set[str]:
    """Return the keys of all sessions; the store also has counts of what trends."""
    keys = {key if isinstance(key, str) else key.decode() for key in store.scan_iter()}
    return {key for key in keys if not key.startswith("nextitem:{trends-")}


def named(ranked: Sequence[RankedItem], vocabulary: Vocabulary) -> list[Item]:
    """Return an engine's ranking as a client would read it."""
    return [(vocabulary.item_id(item.index), item.score) for item in ranked]


def alike(left: Sequence[Item], right: Sequence[Item]) -> bool:
    """Return whether two rankings are equal, except for the rounding of scores in answers."""
    return [item_id for item_id, _ in left] == [item_id for item_id, _ in right] and all(
        abs(score - other) <= SCORE_STEP for (_, score), (_, other) in zip(left, right, strict=True)
    )


def _path(session_id: str) -> str:
    return f"/v1/sessions/{quote(session_id, safe='')}"


def _text(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()

"""Replay simulated shopping sessions over HTTP, as a shop's front end does, and keep the responses.

Each view, like, cart and purchase is one event. A recommendation is a hit if it contains the next item of the session.
Only next items that are new to their session count: the demo's route leaves out seen items, so a return to one cannot
be a hit.
"""

import asyncio
import http
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import aiohttp

from model_export.simulator import Action, Session

LIMIT = 20
"""Items per recommendation, and the k of the hit rate."""
SESSIONS_IN_FLIGHT = 8
"""Concurrent shoppers: more than workers, so that all workers are spawned."""
REQUEST_SECONDS = 60.0
"""Longer than the gateway's limit, so that its error is seen."""
Authorization = Callable[[str, str, bytes], Mapping[str, str]]
"""Returns the headers that authorize a request: a token or a signature. Takes method, path and body."""


@dataclass(frozen=True)
class Call:
    """One request of the replay."""

    milliseconds: float
    """Time between sending the request and the end of the response."""
    status: int
    served_by: str | None
    recommended: tuple[str, ...]
    """Item ids, best first; empty unless the status is 200."""


@dataclass(frozen=True)
class Visit:
    """One replayed session: the items of its events, and the request for each."""

    item_ids: tuple[str, ...]
    calls: tuple[Call, ...]

    def hits(self) -> list[bool]:
        """Return for each new item after the first whether the recommendation before it contained it."""
        return [
            item_id in call.recommended
            for place, (call, item_id) in enumerate(zip(self.calls, self.item_ids[1:], strict=False), start=1)
            if item_id not in self.item_ids[:place]
        ]


async def replay(
    url: str,
    sessions: Iterable[Session],
    advance: Callable[[], None],
    *,
    authorization: Authorization | None = None,
) -> Sequence[Visit]:
    """Replay sessions, several at a time, each from its first item to its last.

    Args:
        url: of the HTTP API.
        sessions: to replay.
        advance: called after each session.
        authorization: of every request, where the API demands it.

    Raises:
        aiohttp.ClientError: the API cannot be reached.
    """
    remaining = iter(sessions)
    visits: list[Visit] = []
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    async with aiohttp.ClientSession(url, timeout=timeout) as client, asyncio.TaskGroup() as group:
        for _ in range(SESSIONS_IN_FLIGHT):
            group.create_task(_replay_sessions(client, remaining, visits, advance, authorization))
    return visits


async def _replay_sessions(
    client: aiohttp.ClientSession,
    remaining: Iterator[Session],
    visits: list[Visit],
    advance: Callable[[], None],
    authorization: Authorization | None,
) -> None:
    for session in remaining:
        visits.append(await visit(client, session, authorization))
        advance()


async def visit(client: aiohttp.ClientSession, session: Session, authorization: Authorization | None = None) -> Visit:
    """Replay one session from its first event to its last.

    Raises:
        aiohttp.ClientError: the API cannot be reached.
    """
    path = f"/v1/sessions/{session.session_id}/events"
    events = list(session.events())
    calls = [await _send(client, path, event, authorization) for event in events]
    return Visit(tuple(event.item_id for event in events), tuple(calls))


async def _send(client: aiohttp.ClientSession, path: str, event: Action, authorization: Authorization | None) -> Call:
    content = json.dumps({"events": [{"item_id": event.item_id, "type": event.type}], "limit": LIMIT}).encode()
    headers = {"content-type": "application/json"}
    if authorization is not None:
        headers |= authorization("POST", path, content)
    started = time.perf_counter()
    async with client.post(path, data=content, headers=headers) as response:
        body = await response.read()
        milliseconds = (time.perf_counter() - started) * 1000
        if response.status != http.HTTPStatus.OK or not body:
            return Call(milliseconds, response.status, None, ())
        answer = await response.json()
    recommended = tuple(item["item_id"] for item in answer["recommendations"])
    return Call(milliseconds, response.status, answer["served_by"], recommended)

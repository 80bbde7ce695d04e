"""Replays simulated shopping sessions over HTTP, as a shop's front end would, and keeps what came back.

Each visit to an item is one event; whether the next item was among the answer before it is a hit.
This module knows the API's paths and fields, and neither the stack nor how results are shown.
"""

import asyncio
import http
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import aiohttp

from model_export.simulator import Session

LIMIT = 20
"""Items asked for, and the k of the hit rate."""
SESSIONS_IN_FLIGHT = 8
"""Shoppers at the same time: more than there are workers, so that all of them spawn."""
REQUEST_SECONDS = 60.0
"""Above the gateway's own limit, so that its answer is seen."""


@dataclass(frozen=True)
class Call:
    """One request of the replay."""

    milliseconds: float
    """From sending to the whole answer, as the client sees it."""
    status: int
    served_by: str | None
    recommended: tuple[str, ...]
    """Item ids, best first; empty unless the answer was a 200."""


@dataclass(frozen=True)
class Visit:
    """One replayed session: what was looked at, and the answer to each look."""

    item_ids: tuple[str, ...]
    calls: tuple[Call, ...]

    def hits(self) -> list[bool]:
        """For each item after the first, whether the answer before it had it."""
        pairs = zip(self.calls, self.item_ids[1:], strict=False)
        return [item_id in call.recommended for call, item_id in pairs]


async def replay(url: str, sessions: Iterable[Session], advance: Callable[[], None]) -> Sequence[Visit]:
    """Replay sessions, several at a time, each in its own order.

    Args:
        url: of the HTTP API.
        sessions: what to replay.
        advance: called after each session.

    Raises:
        aiohttp.ClientError: the API cannot be reached.
    """
    waiting = iter(sessions)
    visits: list[Visit] = []
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    async with aiohttp.ClientSession(url, timeout=timeout) as client, asyncio.TaskGroup() as group:
        for _ in range(SESSIONS_IN_FLIGHT):
            group.create_task(_shoppers(client, waiting, visits, advance))
    return visits


async def _shoppers(
    client: aiohttp.ClientSession, waiting: Iterator[Session], visits: list[Visit], advance: Callable[[], None]
) -> None:
    for session in waiting:
        path = f"/v1/sessions/{session.session_id}/events"
        calls = [await _look_at(client, path, item_id) for item_id in session.item_ids]
        visits.append(Visit(session.item_ids, tuple(calls)))
        advance()


async def _look_at(client: aiohttp.ClientSession, path: str, item_id: str) -> Call:
    started = time.perf_counter()
    async with client.post(path, json={"events": [{"item_id": item_id}], "limit": LIMIT}) as response:
        body = await response.read()
        milliseconds = (time.perf_counter() - started) * 1000
        if response.status != http.HTTPStatus.OK or not body:
            return Call(milliseconds, response.status, None, ())
        answer = await response.json()
    recommended = tuple(item["item_id"] for item in answer["recommendations"])
    return Call(milliseconds, response.status, answer["served_by"], recommended)

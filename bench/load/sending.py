"""Sends a step's arrivals when they are due, whatever became of those before. Knows HTTP, not the stack."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass

import aiohttp

from bench.load.plan import Arrival, Step

REQUEST_SECONDS = 5.0
"""After which a request counts as an error."""
NO_ANSWER = 0
"""The status of a request that got none."""


@dataclass(frozen=True)
class Sample:
    """One request's answer.

    Attributes:
        milliseconds: from the time at which it was due to the whole answer.
        behind: milliseconds from that time until it was sent: the generator's own slowness.
        status: HTTP's, or `NO_ANSWER`.
        served_by: as the answer says, or None.
    """

    milliseconds: float
    behind: float
    status: int
    served_by: str | None


@dataclass(frozen=True)
class Ran:
    """A step that was sent: its answers, and the seconds from its begin to the last of them."""

    rate: float
    offered: float
    seconds: float
    samples: tuple[Sample, ...]


def run(url: str, step: Step) -> Ran:
    """Send one step and return when all of it is answered or given up; for a process of its own.

    Args:
        url: of the HTTP API.
        step: what to send.
    """
    return asyncio.run(_run(url, step))


async def _run(url: str, step: Step) -> Ran:
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    async with aiohttp.ClientSession(url, connector=connector, timeout=timeout) as client:
        begun = time.perf_counter()
        samples = await _send_all(client, step.arrivals, begun)
        seconds = max(time.perf_counter() - begun, step.seconds)
    return Ran(step.rate, len(samples) / step.seconds, seconds, tuple(samples))


async def _send_all(client: aiohttp.ClientSession, arrivals: Iterable[Arrival], begun: float) -> list[Sample]:
    async with asyncio.TaskGroup() as group:
        tasks = []
        for arrival in arrivals:
            await asyncio.sleep(max(0.0, begun + arrival.due - time.perf_counter()))
            tasks.append(group.create_task(_send(client, arrival, begun + arrival.due)))
    return [task.result() for task in tasks]


async def _send(client: aiohttp.ClientSession, arrival: Arrival, due: float) -> Sample:
    behind = (time.perf_counter() - due) * 1000
    body = {"events": [{"item_id": arrival.item_id, "event_id": arrival.event_id}]}
    status, served_by = NO_ANSWER, None
    try:
        async with client.post(f"/v1/sessions/{arrival.session_id}/events", json=body) as response:
            answer = await response.json(content_type=None)
            status, served_by = response.status, answer.get("served_by")
    except (aiohttp.ClientError, TimeoutError, ValueError):
        status = NO_ANSWER
    return Sample((time.perf_counter() - due) * 1000, behind, status, served_by)

"""Send the requests of a step when they are due, without waiting for earlier answers."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass

import aiohttp

from bench.load.plan import Arrival, Step

REQUEST_SECONDS = 5.0
"""Timeout of a request, which then counts as an error."""
NO_ANSWER = 0
"""The status of a request without an answer."""


@dataclass(frozen=True)
class Sample:
    """One request's answer.

    Attributes:
        milliseconds: from the time at which it was due to the complete answer.
        sent_late: milliseconds from that time until it was sent: the generator's own delay.
        status: the HTTP status, or `NO_ANSWER`.
        served_by: of the answer, or None.
    """

    milliseconds: float
    sent_late: float
    status: int
    served_by: str | None


@dataclass(frozen=True)
class StepResult:
    """A step's answers, and the seconds from its start to the last answer."""

    rate: float
    offered: float
    seconds: float
    samples: tuple[Sample, ...]


def send_step(url: str, step: Step) -> StepResult:
    """Send one step; return when every request is answered or timed out. Runs in a process of its own.

    Args:
        url: of the HTTP API.
        step: what to send.
    """
    return asyncio.run(_send_step(url, step))


async def _send_step(url: str, step: Step) -> StepResult:
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    async with aiohttp.ClientSession(url, connector=connector, timeout=timeout) as client:
        begun = time.perf_counter()
        samples = await _send_all(client, step.arrivals, begun)
        seconds = max(time.perf_counter() - begun, step.seconds)
    return StepResult(step.rate, len(samples) / step.seconds, seconds, tuple(samples))


async def _send_all(client: aiohttp.ClientSession, arrivals: Iterable[Arrival], begun: float) -> list[Sample]:
    async with asyncio.TaskGroup() as group:
        tasks = []
        for arrival in arrivals:
            await asyncio.sleep(max(0.0, begun + arrival.due - time.perf_counter()))
            tasks.append(group.create_task(_send(client, arrival, begun + arrival.due)))
    return [task.result() for task in tasks]


async def _send(client: aiohttp.ClientSession, arrival: Arrival, due: float) -> Sample:
    sent_late = (time.perf_counter() - due) * 1000
    body = {"events": [{"item_id": arrival.item_id, "event_id": arrival.event_id}]}
    status, served_by = NO_ANSWER, None
    try:
        async with client.post(f"/v1/sessions/{arrival.session_id}/events", json=body) as response:
            answer = await response.json(content_type=None)
            status, served_by = response.status, answer.get("served_by")
    except (aiohttp.ClientError, TimeoutError, ValueError):
        status = NO_ANSWER
    return Sample((time.perf_counter() - due) * 1000, sent_late, status, served_by)

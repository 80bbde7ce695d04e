"""Send the requests of a step when they are due, by a client that takes little of its core.

The client of `bench.load` takes longer for a request than a server that is measured here may take. This one writes and
reads HTTP/1.1 with a content length, over connections that it keeps open, and looks for two fields in the answer.
"""

import asyncio
import os
import time
from collections import deque
from collections.abc import Collection
from typing import cast
from urllib.parse import urlsplit

from bench.load.plan import Arrival, Step
from bench.load.sender import NO_ANSWER, REQUEST_SECONDS, Sample, StepResult

CONNECTIONS = 64
"""Opened before a step; more if all are in use."""
_HEAD_END = b"\r\n\r\n"
_RANKED = b'"recommendations":[{'
_SERVED_BY = b'"served_by":"'


class ProtocolError(RuntimeError):
    """An answer that is not HTTP/1.1 with a content length."""


def pin(cores: Collection[int]) -> None:
    """Run this process on some cores only: the initializer of the generator's process."""
    os.sched_setaffinity(0, cores)


def send_step(url: str, step: Step) -> StepResult:
    """Send one step; return when every request is answered or timed out. Runs in a process of its own.

    Args:
        url: of the HTTP API.
        step: what to send.

    Raises:
        OSError: it cannot connect before the step.
    """
    return asyncio.run(_Sender(url).send(step))


def parse_answer(head: bytes) -> tuple[int, int, bool]:
    """Return status, content length, and whether the server closes the connection.

    Args:
        head: the status line and the headers.

    Raises:
        ProtocolError: it has no content length, and is no 204.
    """
    status = int(head[9:12])
    fields = head.lower()
    _, found, rest = fields.partition(b"\r\ncontent-length:")
    if not found and status != 204:  # noqa: PLR2004 - No Content
        raise ProtocolError(f"an answer without a content length: {head!r}")
    length = int(rest.partition(b"\r\n")[0]) if found else 0
    return status, length, b"\r\nconnection: close" in fields


class _Connection(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self, sender: "_Sender") -> None:
        self._sender = sender
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._request: tuple[float, float] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    @property
    def is_usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def send(self, message: bytes, due: float) -> None:
        self._request = due, time.perf_counter()
        if self._transport is not None:
            self._transport.write(message)

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(_HEAD_END)
        if end < 0:
            return
        status, length, closes = parse_answer(bytes(self._received[: end + 2]))
        if len(self._received) < end + len(_HEAD_END) + length:
            return
        body, self._received = bytes(self._received[end + len(_HEAD_END) :]), bytearray()
        request, self._request = self._request, None
        if closes and self._transport is not None:
            self._transport.close()
        if request is not None:
            self._sender.answered(self, request, status, body)

    def connection_lost(self, _error: Exception | None) -> None:
        if self._request is not None:
            request, self._request = self._request, None
            self._sender.answered(self, request, NO_ANSWER, b"")


class _Sender:
    """Sends a step's requests over as many connections as are needed at once."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80
        self._idle: deque[_Connection] = deque()
        self._open: list[_Connection] = []
        self._samples: list[Sample] = []
        self._begun = 0.0

    async def send(self, step: Step) -> StepResult:
        self._idle.extend([await self._connect() for _ in range(CONNECTIONS)])
        self._begun = time.perf_counter()
        opening: set[asyncio.Task[None]] = set()
        for arrival in step.arrivals:
            due = self._begun + arrival.due
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            if connection := self._take():
                connection.send(self._message(arrival), due)
            else:
                task = asyncio.create_task(self._send_on_new(self._message(arrival), due))
                opening.add(task)
                task.add_done_callback(opening.discard)
        until = time.perf_counter() + REQUEST_SECONDS
        while len(self._samples) < len(step.arrivals) and time.perf_counter() < until:
            await asyncio.sleep(0.01)
        seconds = max(time.perf_counter() - self._begun, step.seconds)
        missing = len(step.arrivals) - len(self._samples)
        samples = tuple(self._samples)  # connections that are closed now add theirs
        for connection in self._open:
            connection.close()
        lost = [Sample(REQUEST_SECONDS * 1000, 0.0, NO_ANSWER, None)] * missing
        await asyncio.sleep(0)  # closes them
        return StepResult(step.rate, len(step.arrivals) / step.seconds, seconds, (*samples, *lost))

    def answered(self, connection: _Connection, request: tuple[float, float], status: int, body: bytes) -> None:
        due, sent = request
        if status == 200 and _RANKED not in body:  # noqa: PLR2004 - an answer without items is none
            status = NO_ANSWER
        served_by = body.partition(_SERVED_BY)[2].partition(b'"')[0].decode() or None
        answered = time.perf_counter()
        sample = Sample((answered - due) * 1000, (sent - due) * 1000, status, served_by)
        self._samples.append(sample)
        if connection.is_usable:
            self._idle.append(connection)

    def _take(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                return connection
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: _Connection(self), self._host, self._port)
        self._open.append(connection)
        return connection

    async def _send_on_new(self, message: bytes, due: float) -> None:
        try:
            connection = await self._connect()
        except OSError:
            now = time.perf_counter()
            self._samples.append(Sample((now - due) * 1000, 0.0, NO_ANSWER, None))
            return
        connection.send(message, due)

    def _message(self, arrival: Arrival) -> bytes:
        body = f'{{"events":[{{"item_id":"{arrival.item_id}","event_id":"{arrival.event_id}"}}]}}'
        return (
            f"POST /v1/sessions/{arrival.session_id}/events HTTP/1.1\r\nhost: {self._host}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
        ).encode("ascii")

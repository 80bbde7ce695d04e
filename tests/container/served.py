"""The server of one process, in a thread."""

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any, Self

from container import http_protocol
from container.server import Drain, DrainingServer
from devstack.processes.children import LOOPBACK

SECONDS = 20.0
LINE = b"GET / HTTP/1.1\r\n"
GET = LINE + b"host: a\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n"
WRONG_CHUNK = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"
LONG_HEAD = LINE + b"x: " + b"x" * (8 * http_protocol.MAX_HEAD_BYTES)
"""More than the server reads at once: it does not count what comes with the end of another request."""
NO_DELAY = 0.0
LONG = 1 << 23
"""Bytes, more than the buffers of a connection hold."""


class Served:
    """A server in a thread; it answers with the length of the body, `/slow` once `gate` is open, `/long` with much.

    Attributes:
        address: where it listens.
        drain: see `DrainingServer`.
        gate: holds the answers to `/slow`.
        server: the server.
    """

    def __init__(self, delay: float = NO_DELAY) -> None:
        self.drain, self.gate, self._started = Drain(), threading.Event(), threading.Event()
        self._listening = socket.create_server((LOOPBACK, 0))
        self.address = self._listening.getsockname()
        self.server = DrainingServer(
            self._app, self.drain, delay=delay, drain_seconds=5, on_started=self._started.set, on_tick=lambda: None
        )
        self._thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self._listening]}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self.server.begin_drain(skip_delay=True)
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()

    async def _app(
        self, scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[dict[str, Any]], Any]
    ) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message["body"]), message["more_body"]
        if scope["path"] == "/slow":
            while not self.gate.is_set():
                await asyncio.sleep(0.01)
        text = b"x" * LONG if scope["path"] == "/long" else b"%d" % size
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
        await send({"type": "http.response.body", "body": text})

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=SECONDS)


def answer(connection: socket.socket) -> bytes:
    """Return the answer to `GET`."""
    text = b""
    while not text.endswith(b"\r\n\r\n0"):
        text += more(connection)
    return text


def more(connection: socket.socket, most: int = 1 << 16) -> bytes:
    """Return what comes next."""
    chunk = connection.recv(most)
    assert chunk, "the server has ended the connection"
    return chunk


def received(connection: socket.socket) -> bytes:
    """Return everything until the server ends the connection."""
    text = b""
    try:
        while chunk := connection.recv(1 << 16):
            text += chunk
    except ConnectionResetError:
        return text
    return text

"""uvicorn's server with a start and a stop for rolling restarts: nothing that a client has sent is lost.

1. On SIGTERM the process is no longer ready. It still accepts connections, because those who send requests learn of
   that later. Every answer has ``Connection: close`` from now on.
2. After the delay it accepts no more. Open connections have `LINGER_SECONDS` for a request that is on its way.
3. Idle connections are closed, running requests end.

A second signal skips the delay.
"""

import asyncio
import signal
import socket
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from container.listener import Listener

LINGER_SECONDS = 1.0
"""A client may have sent a request on a connection that was idle, or just opened, as the listener closed."""
POLL_SECONDS = 0.02
KEEP_ALIVE_SECONDS = 75
"""Longer than load balancers keep idle connections (60 s is usual): the balancer then closes first, and sends nothing
on a connection that is being closed here."""
MAX_HEAD_BYTES = 1 << 16
"""Of a request's line and headers in memory; the API's own limit is lower. uvicorn sets none with httptools."""


class Drain:
    """Whether a process is on its way out.

    Attributes:
        until: monotonic seconds at which it stops accepting; None while it serves.
    """

    def __init__(self) -> None:
        self.until: float | None = None

    @property
    def has_begun(self) -> bool:
        """True from the first signal on."""
        return self.until is not None


class BoundedHttp(HttpToolsProtocol):
    """Refuses a request whose head does not end."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_bytes, self._in_head = 0, True

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self.parser is None or self.transport.is_closing():
            return
        super().data_received(data)
        self._head_bytes = self._head_bytes + len(data) if self._in_head else 0
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The request's head is too long.")

    def on_message_begin(self) -> None:
        """See httptools."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """See httptools."""
        self._in_head = False
        super().on_headers_complete()


class DrainingServer(uvicorn.Server):
    """Serves an ASGI application on a shared listening socket until SIGTERM.

    Args:
        app: the application.
        drain: what the application knows of the stop.
        delay: seconds in which it still accepts connections.
        patience: seconds for running requests after that.
        on_started: called once connections are accepted.
        on_tick: called some times a second.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        drain: Drain,
        *,
        delay: float,
        patience: float,
        on_started: Callable[[], None],
        on_tick: Callable[[], None],
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedHttp,
                loop="asyncio",
                ws="none",
                lifespan="off",
                interface="asgi3",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=max(1, round(patience)),
            )
        )
        self._drain, self._delay = drain, delay
        self._on_started, self._on_tick = on_started, on_tick
        self._listener: Listener | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections; see `uvicorn.Server`."""
        (listening,) = sockets or []
        loop = asyncio.get_running_loop()

        def protocol() -> BoundedHttp:
            state = self.lifespan.state
            return BoundedHttp(config=self.config, server_state=self.server_state, app_state=state, _loop=loop)

        self.servers = []  # uvicorn would close them in its own way
        self._listener = Listener(listening, protocol)
        self.started = True
        self._on_started()

    async def on_tick(self, counter: int) -> bool:
        """Return whether the delay is over; see `uvicorn.Server`."""
        self._on_tick()
        if self._drain.until is not None and time.monotonic() >= self._drain.until:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop as the module says; see `uvicorn.Server`."""
        if self._listener is not None:
            await self._listener.close()
        linger_until = time.monotonic() + LINGER_SECONDS
        while self.server_state.connections and time.monotonic() < linger_until:
            await asyncio.sleep(POLL_SECONDS)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Begin to drain, or skip the delay: a Ctrl-C, or the second signal. The process then exits with 0."""
        self.begin_drain(skip_delay=sig == signal.SIGINT or self._drain.has_begun)

    def begin_drain(self, *, skip_delay: bool = False) -> None:
        """Serve until the delay is over, and then no more."""
        self._drain.until = time.monotonic() + (0.0 if skip_delay else self._delay)

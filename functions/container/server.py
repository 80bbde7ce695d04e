"""uvicorn's server with a start and a stop for rolling restarts: no request on an accepted connection is lost.

1. On SIGTERM the process is no longer ready. It still accepts connections, because those who send requests learn of
   that later. Every answer has ``Connection: close`` from now on.
2. After the delay it accepts the connections that wait, and then no more. All have `LINGER_SECONDS` for a request that
   is on its way.
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

from container.http_protocol import KEEP_ALIVE_SECONDS, BoundedHttp
from container.listener import Listener

LINGER_SECONDS = 1.0
"""A client may have sent a request on a connection that was idle, or just opened, as the listener closed."""
POLL_SECONDS = 0.02


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


class DrainingServer(uvicorn.Server):
    """Serves an ASGI application on a shared listening socket until SIGTERM.

    Args:
        app: the application.
        drain: what the application knows of the stop.
        delay: seconds in which it still accepts connections.
        drain_seconds: for running requests after that.
        on_started: called once connections are accepted.
        on_tick: called some times a second.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        drain: Drain,
        *,
        delay: float,
        drain_seconds: float,
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
                timeout_graceful_shutdown=max(1, round(drain_seconds)),
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
        """Serve until the delay is over, and then no more. The delay begins with the first call."""
        if skip_delay or self._drain.until is None:
            self._drain.until = time.monotonic() + (0.0 if skip_delay else self._delay)

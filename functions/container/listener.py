"""Accept connections from a listening socket that worker processes share.

`asyncio.Server` does not fit a restart under load: its ``close`` loses a connection that was accepted in the same
iteration of the loop (https://github.com/python/cpython/issues/109564), and it accepts as many connections at once as
its backlog is long, so one worker would get all of a burst.
"""

import asyncio
import logging
import math
import socket
from collections.abc import Callable
from contextlib import suppress

PAUSE_SECONDS = 0.1
"""Without a free descriptor, `accept` fails at once, again and again: try it only so often."""
WARNING_SECONDS = 60.0
"""Between two lines of the log about it."""
MAX_WAITING = 1024
"""Connections that wait, at most, when the listener closes: the length of the socket's queue."""

_LOG = logging.getLogger(__name__)


class Listener:
    """Serves each connection with a protocol; made in a running event loop.

    Args:
        listening: the socket; `close` closes it.
        protocol: makes the protocol of a connection.
    """

    def __init__(self, listening: socket.socket, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        listening.setblocking(False)
        self._listening, self._protocol = listening, protocol
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[object]] = set()
        self._is_open = True
        self._warned = -math.inf
        self._resume()

    async def close(self) -> None:
        """Accept the connections that wait, and no more. Those that were accepted are served.

        The kernel resets a connection that comes in the microseconds between the last `accept` and the socket's end.

        The clients of those that wait are connected already, and there may be no other process to accept them. The
        socket is closed here: once no process has it, new connections are refused instead of left to wait.
        """
        self._is_open = False
        self._loop.remove_reader(self._listening)
        for _ in range(MAX_WAITING):
            if not self._accept():
                break
        self._listening.close()
        if self._opening:
            await asyncio.wait(self._opening)

    def _resume(self) -> None:
        if self._is_open:
            self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> bool:
        """Accept one connection: the others are for other workers, or for the loop's next iteration.

        Returns:
            Whether there may be more.
        """
        try:
            connection, _ = self._listening.accept()
        except (InterruptedError, ConnectionAbortedError):
            return True  # the client has gone
        except BlockingIOError:
            return False  # another worker was faster
        except OSError as error:
            if self._loop.time() - self._warned >= WARNING_SECONDS:
                self._warned = self._loop.time()
                _LOG.warning("no connection can be accepted: %s; those that wait are tried again", error)
            self._loop.remove_reader(self._listening)
            self._loop.call_later(PAUSE_SECONDS, self._resume)
            return False
        connection.setblocking(False)
        task = self._loop.create_task(self._open(connection))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        return True

    async def _open(self, connection: socket.socket) -> None:
        with suppress(OSError):  # the client has gone
            await self._loop.connect_accepted_socket(self._protocol, connection)

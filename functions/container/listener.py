"""Accept connections from a listening socket that worker processes share.

`asyncio.Server` does not fit a restart under load: its ``close`` loses a connection that was accepted in the same
iteration of the loop (https://github.com/python/cpython/issues/109564), and it accepts as many connections at once as
its backlog is long, so one worker would get all of a burst.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

PAUSE_SECONDS = 0.1
"""Without a free descriptor, `accept` fails at once, again and again: try it only so often."""


class Listener:
    """Serves each connection with a protocol; made in a running event loop.

    Args:
        listening: the socket; not closed here.
        protocol: makes the protocol of a connection.
    """

    def __init__(self, listening: socket.socket, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        listening.setblocking(False)
        self._listening, self._protocol = listening, protocol
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[object]] = set()
        self._is_open = True
        self._resume()

    async def close(self) -> None:
        """Accept no more connections. Those that were accepted are served."""
        self._is_open = False
        self._loop.remove_reader(self._listening)
        if self._opening:
            await asyncio.wait(self._opening)

    def _resume(self) -> None:
        if self._is_open:
            self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        """Accept one connection: the others are for other workers, or for the loop's next iteration."""
        try:
            connection, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker was faster, or the client has gone
        except OSError:
            self._loop.remove_reader(self._listening)
            self._loop.call_later(PAUSE_SECONDS, self._resume)
            return
        connection.setblocking(False)
        task = self._loop.create_task(self._open(connection))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, connection: socket.socket) -> None:
        with suppress(OSError):  # the client has gone
            await self._loop.connect_accepted_socket(self._protocol, connection)

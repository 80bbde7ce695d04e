"""Listening sockets of an event loop."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from weakref import WeakSet

from devstack.processes.children import LOOPBACK
from devstack.processes.errors import StackError

ANY_PATH = "/{path:(?s:.*)}"
"""aiohttp's route of every path. It matches the decoded path, where ``.`` alone stops at a line break."""


def listen(port: int = 0) -> socket.socket:
    """Bind a port of loopback (0 takes a free one) and return its listening socket.

    Raises:
        StackError: the port is taken, or this user may not use it.
    """
    try:
        return socket.create_server((LOOPBACK, port))
    except OSError as error:
        raise StackError(
            f"Port {port} of {LOOPBACK} cannot be used ({os.strerror(error.errno or 0)}); "
            "end what uses it, or choose another with --port (make run ARGS='--port 3001')."
        ) from error


class Listener:
    """Serves each connection of a listening socket with a protocol; made in a running event loop.

    Replaces `asyncio.Server`, whose ``close`` loses a connection that was accepted in the same iteration of the loop:
    neither closed nor served, it stays open until it is garbage-collected
    (https://github.com/python/cpython/issues/109564). A worker that is killed while it starts connects at that moment.

    Args:
        listening: the socket; closed by `close`.
        protocol: makes the protocol of a connection.
        tls: encrypts the connections with this context.
    """

    def __init__(
        self, listening: socket.socket, protocol: Callable[[], asyncio.BaseProtocol], tls: ssl.SSLContext | None = None
    ) -> None:
        self.port = int(listening.getsockname()[1])
        self._listening = listening
        self._protocol = protocol
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._accepting: dict[asyncio.Task[None], socket.socket] = {}
        self._transports: WeakSet[asyncio.Transport] = WeakSet()
        listening.setblocking(False)
        self._loop.add_reader(listening, self._accept)

    async def close(self) -> None:
        """Stop listening and abort every connection that is still open."""
        self._loop.remove_reader(self._listening)
        self._listening.close()
        accepting = dict(self._accepting)
        for task in accepting:
            task.cancel()
        await asyncio.gather(*accepting, return_exceptions=True)
        for connection in accepting.values():
            connection.close()  # a task that was cancelled before its first step has closed nothing
        for transport in self._transports:
            transport.abort()
        await asyncio.sleep(0)  # the transports close their sockets in the loop's next iteration

    def _accept(self) -> None:
        with suppress(OSError):  # the client has gone already
            connection, _ = self._listening.accept()
            # asyncio sets this only on sockets whose protocol number it chose; without it a reply may wait for 40 ms
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = self._loop.create_task(self._connect(connection))
            self._accepting[task] = connection
            task.add_done_callback(self._accepting.pop)

    async def _connect(self, connection: socket.socket) -> None:
        with suppress(OSError):  # the client has gone, or its TLS handshake failed
            transport, _ = await self._loop.connect_accepted_socket(self._protocol, connection, ssl=self._tls)
            self._transports.add(transport)

"""A connection to the Runtime API, which tells at its end whether the process behind it has read what it was sent.

The protocol has no word for "taken", and a process can die after its invocation was written to its socket. The kernel
knows: a socket that is closed with bytes unread, or that bytes reach once it is closed, answers with a reset.
https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1. This module knows neither invocations nor workers.
"""

import asyncio
import socket
from collections.abc import Callable


class Connection(asyncio.Protocol):
    """Passes everything on to another protocol.

    Args:
        inner: aiohttp's, which does the work.
        ended: told of the transport when the connection is over, and whether all that was sent there was read.
    """

    def __init__(self, inner: asyncio.Protocol, ended: Callable[[asyncio.BaseTransport, bool], None]) -> None:
        self._inner = inner
        self._ended = ended
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The process has connected."""
        self._transport = transport
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """It says something."""
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """It says no more."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """It reads too slowly."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has closed the connection, or died, or we have closed it."""
        self._inner.connection_lost(exc)
        if self._transport is not None:
            # After its end of file a reset is no error of reading any more, but the socket still has it.
            late = self._transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self._ended(self._transport, exc is None and not late)

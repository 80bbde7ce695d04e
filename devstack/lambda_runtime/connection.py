"""A connection of the Runtime API that reports, when it ends, whether the client had read everything.

The protocol does not acknowledge an invocation, and a process can die after its invocation was written to its socket.
The kernel knows: a socket that is closed with unread bytes, or that receives bytes after it was closed, answers with a
reset. https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
"""

import asyncio
import socket
from collections.abc import Callable


class Connection(asyncio.Protocol):
    """Forwards every event of a connection to another protocol.

    Args:
        inner: aiohttp's protocol, which parses and answers requests.
        on_end: called at the end with the transport and whether the client had read all that was sent.
    """

    def __init__(self, inner: asyncio.Protocol, on_end: Callable[[asyncio.BaseTransport, bool], None]) -> None:
        self._inner = inner
        self._on_end = on_end
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for `on_end`."""
        self._transport = transport
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Forward received bytes."""
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Forward the client's end of file."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """Forward that the client reads too slowly."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Forward that the client has caught up."""
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Call `on_end`."""
        self._inner.connection_lost(exc)
        if self._transport is not None:
            # asyncio reports no reset that follows the end of file, but the socket keeps it.
            late = self._transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self._on_end(self._transport, exc is None and not late)

"""A TCP proxy between the function and its store that can delay, drop, reset, and add replies."""

import asyncio
import contextlib
import socket
import struct
from typing import Literal

from devstack.processes.children import LOOPBACK
from devstack.processes.listener import Listener, listen
from devstack.processes.loop_thread import LoopThread

Mode = Literal["pass", "delay", "drop", "add"]
DELAY_SECONDS = 0.2
CHUNK = 1 << 16
ADDED = b"+OK\r\n"
"""A reply that no command asked for."""
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards connections to a port of this machine.

    Attributes:
        mode: bytes are forwarded, forwarded late, dropped, or forwarded with one more reply from now on.
        port: of its listener, once started.
    """

    def __init__(self, target: int) -> None:
        self.mode: Mode = "pass"
        self.port = 0
        self._target = target
        self._lines: dict[asyncio.StreamWriter, asyncio.StreamWriter] = {}
        self._listener: Listener | None = None
        self._thread = LoopThread("proxy")

    def start(self) -> None:
        """Listen."""
        self._thread.__enter__()
        self.port = self._thread.run(self._listen())

    def stop(self) -> None:
        """Close all connections and the listener."""
        self._thread.run(self._end())
        self._thread.__exit__(None, None, None)

    def reset(self) -> None:
        """Close all connections, with a RST to the client."""
        self._thread.run(self._reset())

    def half_close(self) -> None:
        """Close the connections to the server; those of the clients stay open and silent."""
        self._thread.run(self._half_close())

    async def _listen(self) -> int:
        self._listener = Listener(listen(), lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._serve))
        return self._listener.port

    async def _end(self) -> None:
        await self._reset()
        if self._listener is not None:
            await self._listener.close()

    async def _reset(self) -> None:
        for client, server in list(self._lines.items()):
            raw = client.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            client.transport.abort()
            server.transport.abort()

    async def _half_close(self) -> None:
        for server in list(self._lines.values()):
            server.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            from_server, server = await asyncio.open_connection(LOOPBACK, self._target)
        except OSError:
            client.transport.abort()
            return
        self._lines[client] = server
        try:
            # Only the client closes the connection: if the server closes its side, it stays half open.
            back = asyncio.ensure_future(self._forward(from_server, client, added=ADDED))
            await self._forward(reader, server)
            back.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await back
        finally:
            del self._lines[client]
            server.transport.abort()
            client.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, added: bytes = b"") -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                if self.mode == "delay":
                    await asyncio.sleep(DELAY_SECONDS)
                if self.mode == "drop":
                    continue
                if not writer.is_closing():
                    writer.write(data + added if self.mode == "add" else data)

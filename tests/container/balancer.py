"""A load balancer of connections (TCP), as Kubernetes' services are: it knows endpoints, not requests."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Self

from devstack.processes.children import LOOPBACK
from devstack.processes.loop_thread import LoopThread

CHUNK_BYTES = 1 << 16


class Balancer:
    """Gives each new connection to the next endpoint; connections that exist stay with theirs.

    Attributes:
        endpoints: ``host:port`` of each server that gets connections; may be replaced at any time.
        address: its own.
    """

    def __init__(self) -> None:
        self.endpoints: tuple[str, ...] = ()
        self._turn = 0
        self._loop = LoopThread("balancer")
        self._open: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._loop.__enter__()
        self._server = self._loop.run(asyncio.start_server(self._accept, LOOPBACK, 0))
        self.address = f"{LOOPBACK}:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._close())
        self._loop.__exit__(None, None, None)

    def without(self, endpoint: str) -> None:
        """Give an endpoint no more connections."""
        self.endpoints = tuple(other for other in self.endpoints if other != endpoint)

    async def _close(self) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        self._turn += 1
        host, port = self.endpoints[self._turn % len(self.endpoints)].split(":")
        with _closed(writer), contextlib.suppress(OSError):
            reader_of_server, writer_of_server = await asyncio.open_connection(host, int(port))
            with _closed(writer_of_server):
                forth = asyncio.ensure_future(_copy(reader, writer_of_server))
                await _copy(reader_of_server, writer)
                forth.cancel()


@contextlib.contextmanager
def _closed(writer: asyncio.StreamWriter) -> Iterator[None]:
    try:
        yield
    finally:
        writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await source.read(CHUNK_BYTES):
            target.write(chunk)
            await target.drain()

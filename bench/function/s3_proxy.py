"""A proxy that makes moto on loopback answer as slowly as S3: a delay before each answer, and a limited rate.

It runs in a process of its own, so that it takes no time from the interpreter that drives the benchmark.
"""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from devstack.processes.children import LOOPBACK

DELAY_SECONDS = 0.02
BYTES_PER_SECOND = 90_000_000
"""Limit of one connection: AWS advises one request for each 85 to 90 MB/s of desired throughput
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-design-patterns.html)."""
CHUNK = 1 << 18


class S3Proxy:
    """A proxy process, inside its `with` block.

    Its address is known before the server's, because a stack's function is configured before its bucket starts:

        with S3Proxy() as proxy, Stack(settings={"AWS_ENDPOINT_URL_S3": proxy.url}) as stack:
            proxy.forward_to(stack.s3_endpoint)

    Attributes:
        url: `http://127.0.0.1:port`. Connections made before `forward_to` wait for it.
    """

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.function.s3_proxy"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("both are pipes")
        self._input = self._process.stdin
        self.url = f"http://{LOOPBACK}:{self._process.stdout.readline().strip()}"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def forward_to(self, endpoint: str) -> None:
        """Begin to forward connections to a server, `http://127.0.0.1:port`."""
        print(urlsplit(endpoint).port, file=self._input, flush=True)


class _Connection:
    """One connection of a client and the server's side of it."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._client, self._server = client, server
        self._is_answering = False

    async def forward_requests(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(CHUNK):
            self._is_answering = False
            self._server.write(data)
            await self._server.drain()
        self._server.close()

    async def forward_answers(self, reader: asyncio.StreamReader) -> None:
        clock = asyncio.get_running_loop().time
        due = clock()
        while data := await reader.read(CHUNK):
            if not self._is_answering:
                self._is_answering, due = True, clock() + DELAY_SECONDS
            due += len(data) / BYTES_PER_SECOND
            await asyncio.sleep(due - clock())
            self._client.write(data)
            await self._client.drain()
        self._client.close()


async def _serve(listener: socket.socket, target: int) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(LOOPBACK, target, limit=CHUNK)
        connection = _Connection(writer, to_server)
        with contextlib.suppress(OSError):  # either side may hang up
            await asyncio.gather(connection.forward_requests(reader), connection.forward_answers(from_server))

    server = await asyncio.start_server(accept, sock=listener, limit=CHUNK)
    await server.serve_forever()


def _exit_with_parent() -> None:
    """End this process when its standard input is closed: its parent has ended, however that happened."""
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    """Print the port, read the server's port, then forward until standard input is closed."""
    listener = socket.create_server((LOOPBACK, 0))
    print(listener.getsockname()[1], flush=True)
    target = sys.stdin.readline()
    if target:
        threading.Thread(target=_exit_with_parent, daemon=True).start()
        asyncio.run(_serve(listener, int(target)))


if __name__ == "__main__":
    main()

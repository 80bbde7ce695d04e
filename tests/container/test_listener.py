"""A connection that was accepted is served, also when the listener closes, or had no descriptor left."""

import asyncio
import errno
import socket
from contextlib import ExitStack

import pytest

from container.listener import Listener
from devstack.processes.children import LOOPBACK

CLIENTS = 20


class Greeter(asyncio.Protocol):
    """Sends a greeting and hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")
        transport.close()


class Exhausted(socket.socket):
    """A listening socket that once finds no descriptor."""

    failures = 1

    def accept(self) -> tuple[socket.socket, object]:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, "too many open files")
        return super().accept()


def test_connections_that_wait_are_served_after_the_close() -> None:
    with ExitStack() as opened:
        listening = opened.enter_context(socket.create_server((LOOPBACK, 0), backlog=CLIENTS))
        address = listening.getsockname()
        clients = [opened.enter_context(socket.create_connection(address)) for _ in range(CLIENTS)]

        async def story() -> None:
            listener = Listener(listening, Greeter)
            for _ in range(CLIENTS // 2):  # some iterations of the loop
                await asyncio.sleep(0)
            await listener.close()

        # WHEN the listener closes while clients wait
        asyncio.run(story())

        # THEN each of them is served: there may be no other process that shares the socket
        for client in clients:
            client.setblocking(False)
        assert [client.recv(5) for client in clients] == [b"hello"] * CLIENTS
        # AND others are refused
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)


def test_it_accepts_again_once_there_are_descriptors() -> None:
    with Exhausted() as listening:
        listening.bind((LOOPBACK, 0))
        listening.listen()

        async def story() -> bytes:
            listener = Listener(listening, Greeter)
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            greeting = await reader.read()
            writer.close()
            await listener.close()
            return greeting

        assert asyncio.run(story()) == b"hello"
        assert listening.failures == 0

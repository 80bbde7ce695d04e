"""A listener closes every connection that it has accepted, at whatever moment it is closed itself."""

import asyncio
import gc
import socket
from contextlib import suppress

import pytest

from devstack.processes.children import LOOPBACK
from devstack.processes.listener import Listener, listen
from tests.devstack.lambda_runtime.gate import PATIENCE_SECONDS


@pytest.mark.parametrize("iterations", range(6))
def test_a_connection_is_closed_at_every_step_of_being_accepted(iterations: int) -> None:
    async def connect_and_close() -> None:
        listener = Listener(listen(), asyncio.Protocol)
        with socket.create_connection((LOOPBACK, listener.port), PATIENCE_SECONDS) as client:
            for _ in range(iterations):
                await asyncio.sleep(0)
            await listener.close()
            with suppress(ConnectionResetError):  # it was still in the socket's queue
                assert client.recv(1) == b""

    asyncio.run(connect_and_close())
    gc.collect()  # pytest makes an error of the ResourceWarning of a transport that was left open

"""The server of one process: how long it waits for a request, what a head may have, and when it stops."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from uvicorn.server import ServerState

from container import http_protocol
from container.http_protocol import BoundedHttp
from devstack.deployments import eventually
from tests.container.served import GET, LINE, LONG, SECONDS, SLOW, Served, answer, more, received


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server that waits for no head."""
    monkeypatch.setattr(http_protocol, "KEEP_ALIVE_SECONDS", 0.1)
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.1)
    with Served() as served:
        yield served


@pytest.mark.parametrize("sent", [b"", b"\r\n", LINE, LINE + b"host: a\r\nx: "])
@pytest.mark.parametrize("before", [b"", GET])
def test_a_connection_on_which_no_request_comes_is_ended(hurried: Served, before: bytes, sent: bytes) -> None:
    with hurried.connect() as connection:
        if before:
            connection.sendall(before)
            assert answer(connection).startswith(b"HTTP/1.1 200 ")
        if sent:
            connection.sendall(sent)
        assert received(connection) == b""


def test_bytes_that_drip_keep_no_connection(hurried: Served) -> None:
    with hurried.connect() as connection:
        connection.settimeout(0.02)
        ended = threading.Event()

        def drip() -> None:
            connection.sendall(LINE)
            while not ended.wait(0.02):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            eventually(lambda: _has_ended(connection), "the server ends it")
        finally:
            ended.set()
            dripping.join()


def _has_ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_an_answer_is_waited_for_though_the_next_head_does_not_come(hurried: Served) -> None:
    with hurried.connect() as connection:
        connection.sendall(SLOW + LINE)
        time.sleep(0.4)  # longer than a head may take
        hurried.gate.set()
        assert received(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("requests", [1, 3])
def test_a_client_that_does_not_read_keeps_no_connection(monkeypatch: pytest.MonkeyPatch, requests: int) -> None:
    monkeypatch.setattr(http_protocol, "UNREAD_SECONDS", 0.1)
    with Served() as served, served.connect() as connection:
        connection.sendall(b"GET /long HTTP/1.1\r\nhost: a\r\n\r\n" * requests)
        connections = served.server.server_state.connections
        eventually(lambda: connections, "the server has it")
        eventually(lambda: not connections, "the server ends it")


def test_a_long_answer_may_be_read_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "UNREAD_SECONDS", 0.5)
    with Served() as served, served.connect() as connection:
        connection.sendall(b"GET /long HTTP/1.1\r\nhost: a\r\n\r\n")
        read = 0
        while read < LONG:
            read += len(more(connection, LONG // 64))
            time.sleep(0.02)  # the client is slow
        time.sleep(1.2)  # idle, for longer than one that does not read may be
        connection.sendall(GET)
        assert answer(connection)


@pytest.mark.parametrize("parts", [(GET,), (LINE, b"host: a\r\n\r\n")], ids=["a whole head", "a part of a head"])
def test_a_long_body_is_no_part_of_the_head_behind_it(parts: tuple[bytes, ...]) -> None:
    body = b" " * (2 * http_protocol.MAX_HEAD_BYTES)
    post = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(body) + body

    async def story(served: Served) -> bytes:
        loop, config = asyncio.get_running_loop(), served.server.config
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        transport, protocol = await loop.connect_accepted_socket(
            lambda: BoundedHttp(config=config, server_state=ServerState(), app_state={}, _loop=loop), theirs
        )
        reader, writer = await asyncio.open_connection(sock=ours)
        # WHEN data come in these pieces
        for piece in (post + parts[0], *parts[1:]):
            protocol.data_received(piece)
        async with asyncio.timeout(SECONDS):
            text = await reader.readuntil(b"\r\n\r\n%d" % len(body)) + await reader.readuntil(b"\r\n\r\n0")
        writer.close()
        transport.close()
        return text

    # THEN both requests are answered
    with Served() as served:
        assert asyncio.run(story(served)).count(b"HTTP/1.1 200 ") == 2


@pytest.mark.parametrize("before", [b"", GET], ids=["first", "behind another"])
def test_an_endless_head_is_refused(before: bytes) -> None:
    with Served() as served, served.connect() as connection:
        connection.sendall(before + LINE)
        with closing(connection):
            for _ in range(40):
                try:
                    connection.sendall(b"x" * (http_protocol.MAX_HEAD_BYTES // 8))
                except OSError:
                    break
            else:
                assert b"HTTP/1.1 400 " in received(connection)


def test_each_request_of_a_connection_may_have_a_long_head() -> None:
    name = b"x: " + b"x" * (http_protocol.MAX_HEAD_BYTES // 2)
    with Served() as served, served.connect() as connection:
        for _ in range(3):
            for piece in (LINE + name, b"x\r\n\r\n"):
                connection.sendall(piece)
                time.sleep(0.05)  # so that the head comes in two pieces
            assert answer(connection).startswith(b"HTTP/1.1 200 ")


def test_a_drain_begins_once_and_a_delay_can_be_skipped() -> None:
    with Served(delay=3600) as served:
        served.server.begin_drain()
        until = served.drain.until
        assert until is not None
        served.server.begin_drain()
        assert served.drain.until == until
        with served.connect() as connection:  # it still serves
            connection.sendall(GET)
            assert answer(connection).startswith(b"HTTP/1.1 200 ")
        served.server.begin_drain(skip_delay=True)
        assert served.drain.until < until

"""What is no HTTP, or never becomes whole, costs no answer to the requests before it."""

import socket
import time
from contextlib import suppress

import pytest

from container import http_protocol
from devstack.deployments import eventually
from tests.container.served import GET, LINE, LONG_HEAD, SLOW, WRONG_CHUNK, Served, received

WRONG = {
    "no head": b"\0\r\n\r\n",
    "no chunk": WRONG_CHUNK,
    "no chunk, and more": WRONG_CHUNK + b"x" * 70_000,
    "a long head": LONG_HEAD,
}


@pytest.mark.parametrize(
    ("before", "wrong"),
    [(number, wrong) for number in (0, 1, 2) for wrong in WRONG if number or len(WRONG[wrong]) < 100],
)
@pytest.mark.parametrize("is_half_closed", [False, True])
def test_what_is_no_http_is_refused_in_its_turn(before: int, wrong: str, *, is_half_closed: bool) -> None:
    # WHEN it comes behind requests without answers
    with Served() as served, served.connect() as connection:
        connection.sendall((SLOW + GET)[: [0, len(SLOW), None][before]] + WRONG[wrong])
        if is_half_closed:
            with suppress(OSError):  # the server has ended the connection, if there is nothing before
                connection.shutdown(socket.SHUT_WR)
        time.sleep(0.1)  # the server says nothing yet: no event to wait for
        served.gate.set()
        text = received(connection)
    # THEN they are answered first
    assert [part[:3] for part in text.split(b"HTTP/1.1 ")[1:]] == [b"200"] * before + [b"400"]


@pytest.mark.parametrize(
    "begun", [LINE, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nx"], ids=["head", "body"]
)
@pytest.mark.parametrize("before", [SLOW, SLOW + GET], ids=["one", "two"])
def test_a_request_that_never_becomes_whole_costs_no_answer_before_it(before: bytes, begun: bytes) -> None:
    with Served() as served, served.connect() as connection:
        connection.sendall(before + begun)
        connection.shutdown(socket.SHUT_WR)
        time.sleep(0.1)  # as above
        served.gate.set()
        assert received(connection).count(b"HTTP/1.1 200 ") == before.count(b"HTTP")


def test_a_refusal_that_is_not_read_keeps_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "UNREAD_SECONDS", 0.2)
    with Served() as served, socket.socket() as connection:
        # GIVEN answers that the system's buffers cannot hold, and the server's own can
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        connection.connect(served.address)
        connections = served.server.server_state.connections
        eventually(lambda: connections, "the server has it")
        for protocol in connections:
            protocol.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        # WHEN they end with a refusal, and are not read
        connection.sendall(GET * 300 + WRONG_CHUNK)
        # THEN the server ends the connection
        eventually(lambda: not connections, "the server ends it")

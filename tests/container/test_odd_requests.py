"""Requests of stock clients that few send: with Upgrade, with trailers, half-closed, refused while they are sent."""

import http.client
import json
import select
import socket
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest
import redis

from container.http_protocol import MAX_HEAD_BYTES
from container.http_request import MAX_RECEIVED_BYTES
from devstack.container import Container
from devstack.publish import demo_artifact
from devstack.stack import KEY_SECRET, Stack
from nextitem.sessions.keys import session_key
from tests.container.test_http import SECONDS, raw
from tests.functions.client import PATIENT

HOST = b"host: a\r\n"
UPGRADE = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"
"""As Java's `HttpClient` sends it with every first request."""
LIVEZ = b"GET /livez HTTP/1.1\r\n" + HOST + b"connection: close\r\n\r\n"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(artifact=demo_artifact(), max_workers=1, settings=PATIENT) as stack:
        yield stack


@pytest.fixture(scope="module")
def container(stack: Stack) -> Iterator[Container]:
    with Container(stack, workers=1) as container:
        yield container


def events(session_id: str, headers: bytes, body: bytes) -> bytes:
    head = f"POST /v1/sessions/{session_id}/events HTTP/1.1\r\ncontent-length: {len(body)}\r\n".encode()
    return head + HOST + headers + b"\r\n" + body


def connected(container: Container) -> socket.socket:
    host, _, port = urlsplit(container.url).netloc.partition(":")
    return socket.create_connection((host, int(port)), timeout=SECONDS)


def known(stack: Stack, session_id: str) -> bool:
    with redis.Redis.from_url(stack.store_url) as store:
        return bool(store.exists(session_key(KEY_SECRET.encode(), session_id)))


ONE = b'{"events":[{"item_id":"tent-008"}]}'
CHUNKED = b"transfer-encoding: chunked\r\n"


@pytest.mark.parametrize("cut", [0, 10, 120, 200, 300, 330], ids=lambda cut: f"{cut} bytes from the end")
def test_a_request_that_asks_for_another_protocol_is_answered_in_this_one(
    stack: Stack, container: Container, cut: int
) -> None:
    session_id = f"upgrade-{cut}"
    request = events(session_id, UPGRADE, ONE)
    with connected(container) as connection:
        connection.sendall(request[: len(request) - cut])
        raw(container, LIVEZ)  # by the same worker: it has read what came before
        connection.sendall(request[len(request) - cut :] + LIVEZ)
        answers = b""
        while part := connection.recv(1 << 16):
            answers += part

    first, _, second = answers.partition(b"HTTP/1.1 200 OK")[2].partition(b"HTTP/1.1 ")
    assert json.loads(first.partition(b"\r\n\r\n")[2])["session_length"] == 1
    assert second.startswith(b"200 OK")
    assert known(stack, session_id)


def test_upgrade_with_chunks_and_without_a_body(stack: Stack, container: Container) -> None:
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(ONE), ONE)
    head = b"POST /v1/sessions/upgrade-chunks/events HTTP/1.1\r\n" + HOST + CHUNKED + UPGRADE + b"\r\n"
    answers = raw(container, head, chunks, b"GET /readyz HTTP/1.1\r\n" + HOST + UPGRADE + b"\r\n" + LIVEZ)

    assert answers.count(b"HTTP/1.1 200 OK") == 3
    assert known(stack, "upgrade-chunks")


def test_a_body_behind_upgrade_is_no_request(stack: Stack, container: Container) -> None:
    raw(container, events("to-stay", b"connection: close\r\n", ONE))
    hidden = b"DELETE /v1/sessions/to-stay HTTP/1.1\r\n" + HOST + b"\r\n"
    answers = raw(container, events("of-another", UPGRADE, hidden), LIVEZ)

    assert answers.startswith(b"HTTP/1.1 400 ")  # the body is no JSON
    assert known(stack, "to-stay")


def test_trailers_are_dropped_and_bounded(container: Container) -> None:
    head = b"POST /v1/recommendations HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n"
    body = b"2\r\n{}\r\n0\r\n"

    answers = raw(container, head, body, b"digest: sha-256=x\r\nx: y\r\n\r\n", LIVEZ)
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    for first, more in ((b"a: b\r\n", b"a: b\r\n" * 1000), (b"a: ", b"b" * 6000)):  # many, and one without an end
        with connected(container) as connection:
            connection.sendall(head + body + first)
            sent = 0
            while not select.select([connection], [], [], 0.05)[0]:
                connection.sendall(more)
                sent += len(more)
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 400 ")
            assert sent < 2 * MAX_HEAD_BYTES


@pytest.mark.parametrize("size", [MAX_RECEIVED_BYTES + 1, 3 * MAX_RECEIVED_BYTES])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_client_that_sends_too_much_sees_why_it_is_refused(
    container: Container, size: int, *, is_chunked: bool
) -> None:
    body = (b"x" * (1 << 20) for _ in range((size >> 20) + 1)) if is_chunked else b"x" * size
    with closing(http.client.HTTPConnection(urlsplit(container.url).netloc, timeout=SECONDS)) as connection:
        connection.request("POST", "/v1/recommendations", body, encode_chunked=is_chunked)
        answer = connection.getresponse()

        assert answer.status == 413
        assert answer.read()


def test_a_client_that_only_reads_from_now_on_gets_its_answers(container: Container) -> None:
    with connected(container) as connection:
        connection.sendall(events("half-closed", b"", ONE) * 2)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(1 << 16):
            received += part

    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert received.count(b"connection: close") == 1


def test_a_client_that_leaves_in_the_middle_gets_nothing(container: Container) -> None:
    with connected(container) as connection:
        connection.sendall(events("half-sent", b"", ONE)[:-5])
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1 << 16) == b""

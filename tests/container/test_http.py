"""The HTTP of a running container, as balancers, probes and clients of all kinds use it."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from urllib.parse import urlsplit

import pytest
import redis

from container.http_protocol import MAX_HEAD_BYTES
from container.http_request import MAX_RECEIVED_BYTES
from devstack.container import Container
from devstack.publish import demo_artifact
from devstack.stack import KEY_SECRET, Stack
from nextitem.sessions.keys import session_key
from tests.functions.client import PATIENT

SECONDS = 20.0


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(artifact=demo_artifact(), max_workers=1, settings=PATIENT) as stack:
        yield stack


@pytest.fixture(scope="module")
def container(stack: Stack) -> Iterator[Container]:
    with Container(stack, workers=2) as container:
        yield container


@pytest.fixture
def connection(container: Container) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection(urlsplit(container.url).netloc, timeout=SECONDS)) as connection:
        yield connection


def answer_to(connection: http.client.HTTPConnection, method: str, target: str) -> tuple[int, bytes]:
    connection.request(method, target)
    response = connection.getresponse()
    return response.status, response.read()


def raw(container: Container, *parts: bytes) -> bytes:
    """Send bytes, and return everything until the server closes the connection."""
    host, _, port = urlsplit(container.url).netloc.partition(":")
    with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
        for part in parts:
            connection.sendall(part)
        received = b""
        while chunk := connection.recv(1 << 16):
            received += chunk
    return received


@pytest.mark.slow
def test_a_connection_is_kept(connection: http.client.HTTPConnection) -> None:
    connection.connect()
    connection.auto_open = 0

    assert answer_to(connection, "GET", "/livez") == (200, b"ok\n")
    assert answer_to(connection, "GET", "/readyz") == (200, b"ok\n")
    assert answer_to(connection, "HEAD", "/readyz") == (200, b"")
    status, text = answer_to(connection, "GET", "/v1/health")
    assert (status, json.loads(text)["status"]) == (200, "ok")
    assert answer_to(connection, "POST", "/livez")[0] == 404


def test_the_metrics_of_all_workers_are_exposed(container: Container, connection: http.client.HTTPConnection) -> None:
    for _ in range(10):
        with closing(http.client.HTTPConnection(urlsplit(container.url).netloc, timeout=SECONDS)) as other:
            assert answer_to(other, "POST", "/v1/recommendations")[0] == 200
    connection.request("GET", "/metrics")
    response = connection.getresponse()
    lines = response.read().decode().splitlines()

    assert response.status == 200
    assert response.getheader("content-type", "").startswith("text/plain; version=")
    counts = [float(line.split()[-1]) for line in lines if line.startswith("nextitem_requests_total{")]
    assert sum(counts) >= 10


def test_no_header_says_who_the_visitor_is(stack: Stack, connection: http.client.HTTPConnection) -> None:
    headers = dict.fromkeys(
        ("x-forwarded-user", "x-amzn-oidc-identity", "x-auth-request-user", "x-subject", "authorization"), "alice"
    )
    body = b'{"events":[{"item_id":"tent-008"}]}'
    connection.request("POST", "/v1/sessions/visitor-of-no-header/events", body, headers)
    assert connection.getresponse().status == 200

    with redis.Redis.from_url(stack.store_url) as store:
        assert store.exists(session_key(KEY_SECRET.encode(), "visitor-of-no-header"))


def test_a_body_that_is_announced_as_too_large_is_not_read(container: Container) -> None:
    head = f"POST /v1/recommendations HTTP/1.1\r\nhost: a\r\ncontent-length: {MAX_RECEIVED_BYTES + 1}\r\n"
    answer = raw(container, head.encode(), b"expect: 100-continue\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()
    assert b'"title":"Content too large"' in answer


def test_a_body_that_grows_too_large_is_refused(container: Container) -> None:
    head = b"POST /v1/recommendations HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
    size = MAX_RECEIVED_BYTES // 4 + 1
    chunk = f"{size:x}\r\n".encode() + b" " * size + b"\r\n"

    assert raw(container, head, chunk, chunk, chunk, chunk).startswith(b"HTTP/1.1 413 ")


def test_a_body_may_come_in_pieces(container: Container) -> None:
    head = b"POST /v1/recommendations HTTP/1.1\r\nhost: a\r\ncontent-length: 25\r\nconnection: close\r\n\r\n"

    assert raw(container, head, b'{"item_ids":', b'["tent-008"]}').startswith(b"HTTP/1.1 200 ")


def test_a_client_that_expects_it_is_told_to_continue(container: Container) -> None:
    head = b"POST /v1/recommendations HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nconnection: close\r\n"

    answer = raw(container, head, b"expect: 100-continue\r\n\r\n", b"{}")

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")


def test_a_long_head_is_refused_and_an_endless_one_ends_the_connection(container: Container) -> None:
    long = b"GET /v1/trending?" + b"x" * 11_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n"
    assert raw(container, long).startswith(b"HTTP/1.1 431 ")

    endless = b"GET /v1/trending HTTP/1.1\r\nx: " + b"x" * (2 * MAX_HEAD_BYTES)
    with suppress(ConnectionResetError):  # it was closed before it had read everything
        assert raw(container, endless).startswith(b"HTTP/1.1 400 ")


def test_a_large_body_in_one_piece_with_its_head_is_no_long_head(container: Container) -> None:
    body = b'{"item_ids":["tent-008"]}' + b" " * (2 * MAX_HEAD_BYTES)
    head = f"POST /v1/recommendations HTTP/1.1\r\nhost: a\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"

    assert raw(container, head.encode() + body).startswith(b"HTTP/1.1 200 ")


def test_clients_that_go_away_leave_nothing_behind(container: Container) -> None:
    host, _, port = urlsplit(container.url).netloc.partition(":")
    for sent in (b"", b"POST /v1/rec", b"POST /v1/recommendations HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{"):
        with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
            connection.sendall(sent)

    assert container.is_ready
    assert raw(container, b"GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    assert "Traceback" not in container.child.log_text()


def test_two_requests_at_once_on_a_connection_are_answered_in_their_order(container: Container) -> None:
    answers = raw(
        container,
        b"GET /v1/health HTTP/1.1\r\nhost: a\r\n\r\nGET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    )

    assert answers.count(b"HTTP/1.1 200 ") == 2
    assert answers.endswith(b"ok\n")

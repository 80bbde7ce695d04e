"""redis-py's parts that are overridden or bounded by a deadline; an upgrade that changes them fails here."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from devstack.processes.children import LOOPBACK
from devstack.services.tls_proxy import TlsProxy
from devstack.services.valkey import Valkey
from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.connection import Connection, tls_context
from nextitem.redis_client.login import Login
from nextitem.redis_client.url import Address, parse_store_url
from tests.nextitem.listener import Listener
from tests.nextitem.parts import soon
from tests.nextitem.sessions.scripted_server import SilentServer

PAUSE_SECONDS, DRIPS = 0.01, 1000
SHORT_SECONDS = 0.2
"""A deadline that a test waits for."""


class DrippingServer(Listener):
    """Sends a long reply byte by byte, each well before the deadline, and hangs up long after it."""

    def accepted(self, client: socket.socket) -> None:
        self._start(self._drip, client)

    def _drip(self, client: socket.socket) -> None:
        client.settimeout(PAUSE_SECONDS)
        try:
            client.sendall(b"$1000000\r\n")
            for _ in range(DRIPS):
                try:
                    if not client.recv(1):
                        return
                except TimeoutError:
                    client.sendall(b"x")
            client.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it was shut down


@contextmanager
def connected(port: int, login: Login) -> Iterator[Connection]:
    connection = Connection(Address(LOOPBACK, port), login, opened_at=0.0)
    yield connection
    connection.close()


def test_a_reply_that_comes_byte_by_byte_ends_at_the_deadline() -> None:
    with DrippingServer() as server, connected(server.port, Login()) as connection:
        connection.send(soon(), "PING")
        with pytest.raises(StoreUnavailable, match="in time") as caught:
            connection.receive(Deadline.after(SHORT_SECONDS))
        assert caught.value.late
        assert not connection.is_open


@pytest.mark.slow
def test_sending_to_a_server_that_does_not_read_ends_at_the_deadline() -> None:
    payload = b"x" * 100_000_000  # made before the deadline begins
    with SilentServer() as server, connected(server.port, Login()) as connection:
        with pytest.raises(StoreUnavailable, match="in time") as caught:
            connection.send(Deadline.after(SHORT_SECONDS), "SET", "key", payload)
        assert caught.value.late
        assert not connection.is_open


def test_the_certificates_to_trust_are_read_once(
    valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Any] = []

    def read(cafile: str | None = None) -> ssl.SSLContext:
        reads.append(cafile)
        return create(cafile=cafile)

    create = ssl.create_default_context
    with TlsProxy(parse_store_url(valkey.url).addresses[0].port, tmp_path, LOOPBACK) as line:
        monkeypatch.setattr(ssl, "create_default_context", read)
        tls_context.cache_clear()
        login = Login(tls=True, ca_file=str(line.certificate))
        for _ in range(2):
            with connected(line.port, login) as connection:
                connection.send(soon(), "PING")
                assert connection.receive(soon()) == b"PONG"
    assert reads == [login.ca_file]

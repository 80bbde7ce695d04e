"""The TLS proxy closes the connections that its clients leave open."""

import gc
import socket
import ssl
from pathlib import Path

from devstack.processes.children import LOOPBACK
from devstack.services.tls_proxy import TlsProxy
from tests.devstack.lambda_runtime.gate import PATIENCE_SECONDS


def test_open_connections_are_closed_with_the_proxy(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        with TlsProxy(server.getsockname()[1], tmp_path, LOOPBACK) as proxy:
            trust = ssl.create_default_context(cafile=proxy.certificate)
            plain = socket.create_connection((LOOPBACK, proxy.port), PATIENCE_SECONDS)
            client = trust.wrap_socket(plain, server_hostname=LOOPBACK)
            client.sendall(b"tea")
            connection, _ = server.accept()
            connection.settimeout(PATIENCE_SECONDS)
            assert connection.recv(3) == b"tea"
            without_handshake = socket.create_connection((LOOPBACK, proxy.port), PATIENCE_SECONDS)
        with client, connection, without_handshake:
            assert connection.recv(1) == b""
    gc.collect()  # pytest makes an error of the ResourceWarning of a transport that was left open

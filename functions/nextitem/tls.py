"""TLS to a Redis or Valkey server. Knows no command.

redis-py's own TLS connection reads the system's certificates anew each time it connects: 20 ms of CPU, much of what a
request has for the store. Here they are read once in a process.
"""

import socket
import ssl
from functools import cache
from typing import Any

from redis.connection import Connection


@cache
def context(ca_file: str | None) -> ssl.SSLContext:
    """Return what servers are trusted by: their certificate must be valid, and for the host that was asked for.

    Args:
        ca_file: certificates to trust, or None for the system's.
    """
    return ssl.create_default_context(cafile=ca_file)


class TlsConnection(Connection):
    """redis-py's connection, over TLS.

    Args:
        ssl_ca_certs: certificates to trust, or None for the system's.
        settings: of the plain connection.
    """

    def __init__(self, *, ssl_ca_certs: str | None, **settings: Any) -> None:
        super().__init__(**settings)  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
        self._context = context(ssl_ca_certs)

    def _connect(self) -> socket.socket:
        plain: socket.socket = super()._connect()  # type: ignore[no-untyped-call]  # as above
        try:
            return self._context.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise

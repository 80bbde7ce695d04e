"""A connection to one Redis or Valkey server, by redis-py; sending and reading end at a deadline.

Importing redis-py takes tens of ms (decision 50), so only the threads that connect import this module.
"""

import socket
import ssl
from functools import cache
from typing import Any

from nextitem.aws.elasticache_auth import TokenProvider
from nextitem.deadline import Deadline
from nextitem.errors import CredentialsUnavailable, StoreUnavailable
from nextitem.redis_client import redis_py
from nextitem.redis_client.error_replies import error_reason, server_name, translate_error
from nextitem.redis_client.login import Login
from nextitem.redis_client.url import Address

HANDSHAKE_SECONDS = 0.5
"""Maximum wait for each reply to TLS, AUTH and SELECT. Requests wait less, see `Pool`; this only ends the thread."""


@cache
def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return the certificates to trust, read once per process: the system's take 20 ms."""
    return ssl.create_default_context(cafile=ca_file)


class _TlsConnection(redis_py.SSLConnection):
    """Shares one TLS context: redis-py reads the certificates again for each connection."""

    def _wrap_socket_with_ssl(self, sock: socket.socket) -> ssl.SSLSocket:
        return tls_context(self.ca_certs).wrap_socket(sock, server_hostname=self.host)


class _DeadlineParser(redis_py.DefaultParser):  # type: ignore[misc, valid-type]  # redis-py chooses the class when it is imported
    """Takes a deadline for a timeout: redis-py's timeout bounds each piece of a reply, not the whole of it."""

    def read_from_socket(self, timeout: Any, **options: Any) -> bool:
        seconds = timeout.remaining() if isinstance(timeout, Deadline) else timeout
        return bool(super().read_from_socket(seconds, **options))


class _Tokens(redis_py.CredentialProvider):
    """Signs a new token for each connection."""

    def __init__(self, tokens: TokenProvider) -> None:
        self._tokens = tokens

    def get_credentials(self) -> tuple[str, str]:
        return self._tokens.get_credentials(Deadline.after(HANDSHAKE_SECONDS))


def connection_type(login: Login) -> type[redis_py.Connection]:
    """Return redis-py's class for connections."""
    return _TlsConnection if login.tls else redis_py.Connection


def connection_options(address: Address, login: Login) -> dict[str, Any]:
    """Return the arguments of that class."""
    return {
        "host": address.host,
        "port": address.port,
        "db": login.db,
        "protocol": 2,  # RESP3 needs one more round trip to log in, and gives nothing that is used here
        "retry": redis_py.Retry(redis_py.NoBackoff(), 0),
        "driver_info": None,  # or it sends two commands more to name itself
        "parser_class": _DeadlineParser,
        "socket_connect_timeout": login.timeout / 2,  # a silent address leaves time for the next one
        "socket_timeout": max(HANDSHAKE_SECONDS, login.timeout),
        **({"ssl_ca_certs": login.ca_file} if login.tls else {}),
        **(
            {"credential_provider": _Tokens(login.tokens)}
            if login.tokens
            else {"username": login.username, "password": login.password}
        ),
    }


class Connection:
    """An open connection, logged in.

    Args:
        address: where the server listens.
        login: how to log in.
        opened_at: the wall clock's time.

    Attributes:
        used_at: when it was opened or last sent a command.

    Raises:
        Broken: the server cannot be reached or is not trusted.
        StoreUnavailable: the server refuses the login, or does not answer in time. No error quotes the server's text,
            which may repeat the password.
    """

    def __init__(self, address: Address, login: Login, opened_at: float) -> None:
        self._address, self.used_at = address, opened_at
        self._redis = connection_type(login)(**connection_options(address, login))
        try:
            self._redis.connect()
        except CredentialsUnavailable as error:
            self.close()
            raise StoreUnavailable(f"the session store cannot be logged in to: {error}") from error
        except redis_py.exceptions.ResponseError as error:
            self.close()
            name, reason = server_name(address), error_reason(error)
            raise StoreUnavailable(f"{name} refused the login or the database: {reason}") from None
        except (redis_py.exceptions.RedisError, ValueError) as error:  # ValueError: no DNS name looks like this
            self.close()
            raise translate_error(error, address) from None

    @property
    def is_open(self) -> bool:
        """True if it can be used for another command."""
        return self._redis.is_connected

    def send(self, limit: Deadline, *command: bytes | str | int) -> None:
        """Send a command.

        Raises:
            StoreUnavailable: it could not be sent before the deadline.
            Broken: the connection broke.
        """
        seconds = limit.remaining()
        if not seconds:
            raise StoreUnavailable("the session store could not be asked in time", late=True)
        self._redis.update_current_socket_timeout(seconds)
        try:
            self._redis.send_command(*command)
        except redis_py.exceptions.RedisError as error:
            raise translate_error(error, self._address) from None

    def receive(self, limit: Deadline) -> Any:
        """Return the reply to the oldest command that has none yet: bytes, int, None, or a list of these.

        Raises:
            StoreUnavailable: no reply before the deadline.
            StoreRefused: an error as a reply. Its text is only the error's code: the rest may repeat an argument.
            Broken: the connection broke, or the server cannot be used now.
            Redirected: another node of the Cluster serves the key.
            NoScript: the server does not know the script.
        """
        try:
            return self._redis.read_response(timeout=limit)
        except (redis_py.exceptions.RedisError, ValueError) as error:  # ValueError: redis-py cannot parse a redirection
            raise translate_error(error, self._address) from None

    def has_reply(self) -> bool:
        """Return whether `receive` would return or raise at once."""
        try:
            return not self.is_open or self._redis.can_read()
        except redis_py.exceptions.RedisError:
            return True

    def close(self) -> None:
        """Close the socket."""
        self._redis.disconnect()

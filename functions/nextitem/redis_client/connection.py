"""One connection to a Redis or Valkey server: a command's bytes out, a reply in, each step within a deadline.

hiredis parses the replies. redis-py would do all of this, but importing it, asyncio included, costs a cold start some
90 ms (decision 3). Knows no session, no script and no other server.
"""

import select
import socket
from functools import cache
from typing import TYPE_CHECKING, Any

import hiredis
import msgspec

from nextitem.aws.elasticache_auth import TokenProvider
from nextitem.deadline import Deadline
from nextitem.redis_client.dns import resolver_of
from nextitem.redis_client.resp import Argument, packed
from nextitem.redis_client.url import Address

if TYPE_CHECKING:
    import ssl

CHUNK = 1 << 16
"""Most bytes that are read at once."""


class TimedOut(Exception):
    """A step was not done before the deadline."""


class HungUp(Exception):
    """There is no connection, or no longer."""


class Refused(Exception):
    """The server answered with an error.

    Attributes:
        code: the error's first word (``NOSCRIPT``, ``MOVED``, ``ERR``, …).
        words: all of them.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.words = text.split(" ")
        self.code = self.words[0]


class Login(msgspec.Struct, frozen=True):
    """How to open a connection to any server of a deployment.

    Attributes:
        username: the ACL user, or None.
        password: its password, or None.
        db: the database.
        tls: whether to encrypt; the server's certificate must then be valid for its host.
        ca_file: certificates to trust, or None for the system's.
        tokens: gives user and password at each connect instead of the two above, or None.
    """

    username: str | None = None
    password: str | None = None
    db: int = 0
    tls: bool = False
    ca_file: str | None = None
    tokens: TokenProvider | None = None


@cache
def tls_context(ca_file: str | None) -> "ssl.SSLContext":
    """Return what servers are trusted by, read once in a process: the system's certificates take 20 ms."""
    import ssl  # 7 ms, which a store without TLS need not cost

    return ssl.create_default_context(cafile=ca_file)


class Link:
    """An open connection, logged in.

    Args:
        address: where the server listens.
        login: how to open it.
        limit: when to give up.

    Raises:
        TimedOut: not open before the deadline.
        HungUp: nobody is there, or nobody who may be trusted.
        Refused: the server takes no such login.
        CredentialsUnavailable: there is no token to log in with.
    """

    def __init__(self, address: Address, login: Login, limit: Deadline) -> None:
        self._reader = hiredis.Reader()
        self._encrypted: ssl.SSLSocket | None = None
        self._socket: socket.socket = _connected(address, limit)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if login.tls:
                self._encrypt(address.host, login.ca_file, limit)
            self._log_in(login, limit)
        except BaseException:
            self.close()
            raise

    def write(self, data: bytes, limit: Deadline) -> None:
        """Send the bytes of one or more commands.

        Raises:
            TimedOut: they could not all be handed over before the deadline.
            HungUp: the connection is gone.
        """
        self._socket.settimeout(_left(limit))
        try:
            self._socket.sendall(data)
        except TimeoutError as error:
            raise TimedOut(str(error)) from error
        except OSError as error:
            raise HungUp(str(error)) from error

    def read(self, limit: Deadline) -> Any:
        """Return the next reply: bytes, int, None, or a list of such.

        Raises:
            TimedOut: it did not come before the deadline.
            HungUp: the connection is gone, or what came is no reply.
            Refused: it is an error.
        """
        try:
            while (reply := self._reader.gets()) is False:
                self._socket.settimeout(_left(limit))
                data = self._socket.recv(CHUNK)
                if not data:
                    raise HungUp("the server closed the connection")
                self._reader.feed(data)
        except TimeoutError as error:
            raise TimedOut(str(error)) from error
        except (OSError, hiredis.HiredisError) as error:
            raise HungUp(str(error)) from error
        if isinstance(reply, hiredis.ReplyError):
            raise Refused(str(reply))
        return reply

    def has_reply(self) -> bool:
        """Say whether there is something to read (the server's hanging up, too), without waiting for it."""
        if self._encrypted is not None and self._encrypted.pending():
            return True
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def __del__(self) -> None:
        if hasattr(self, "_socket"):  # a snapshot's link whose reply nobody came back to read
            self._socket.close()

    def _encrypt(self, host: str, ca_file: str | None, limit: Deadline) -> None:
        self._socket.settimeout(_left(limit))
        try:
            self._socket = self._encrypted = tls_context(ca_file).wrap_socket(self._socket, server_hostname=host)
        except TimeoutError as error:
            raise TimedOut(str(error)) from error
        except (OSError, ValueError) as error:  # ValueError: a host that no certificate could be valid for
            raise HungUp(str(error)) from error

    def _log_in(self, login: Login, limit: Deadline) -> None:
        username, password = login.tokens.get_credentials(limit) if login.tokens else (login.username, login.password)
        commands: list[tuple[Argument, ...]] = []
        if password is not None:
            commands.append(("AUTH", username, password) if username is not None else ("AUTH", password))
        if login.db:
            commands.append(("SELECT", login.db))
        if commands:  # all in one round trip
            self.write(b"".join(packed(*command) for command in commands), limit)
        for _ in commands:
            self.read(limit)


def _connected(address: Address, limit: Deadline) -> socket.socket:
    """Return a socket connected to a server, whichever of its addresses answers.

    Each gets an equal share of the time that is left, so that a silent one does not use up that of the others.
    """
    resolver = resolver_of(address)
    try:
        _left(limit)
        places = resolver.places(limit)
    except TimeoutError as error:
        raise TimedOut(str(error)) from error
    except (OSError, ValueError, OverflowError) as error:  # ValueError: no DNS could know such a name
        raise HungUp(str(error)) from error
    silent, last = False, "it has no address"
    for index, (family, where) in enumerate(places):
        one = socket.socket(family, socket.SOCK_STREAM)
        try:
            one.settimeout(_left(limit) / (len(places) - index))
            one.connect(where)
        except (OSError, TimedOut) as error:
            one.close()
            silent |= isinstance(error, TimeoutError | TimedOut)
            last = str(error)
        else:
            return one
    resolver.forget()
    raise TimedOut(last) if silent else HungUp(last)


def _left(limit: Deadline) -> float:
    left = limit.remaining()
    if not left:
        raise TimedOut("no time was left")
    return left

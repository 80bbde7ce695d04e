"""Connections to one Redis or Valkey server, each step within a deadline. Knows no session and no script.

redis-py's connection speaks the protocol. Its pool, its retries and its default timeouts are not used: what may take
how long is said here at every step, and a command is tried once more only after its connection broke.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast
from weakref import WeakKeyDictionary

from redis.backoff import NoBackoff
from redis.connection import Connection
from redis.exceptions import AskError, MovedError, NoScriptError, ReadOnlyError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from nextitem.deadline import Deadline
from nextitem.errors import CredentialsUnavailable, StoreUnavailable
from nextitem.iam import TokenProvider
from nextitem.resp import Argument, packed
from nextitem.storeurl import Address
from nextitem.tls import TlsConnection, context

IDLE_SECONDS = 30.0
"""A connection that was idle for longer is not used again. Lambda freezes a function between invocations; meanwhile the
server or a NAT may drop the connection without a word, and a request that trusts it loses its deadline. Well under the
350 s after which AWS's NAT gateways drop one."""


class Link(Protocol):
    """What is used of redis-py's connection, which it leaves half untyped."""

    def connect(self) -> None:
        """Connect, authenticate and select the database."""

    def send_packed_command(self, command: list[bytes]) -> None:
        """Send what is a command's bytes already."""

    def read_response(self, *, timeout: float) -> Any:
        """Return the answer, waited for so many seconds."""

    def disconnect(self) -> None:
        """Close the socket."""


class Broken(Exception):
    """A connection broke; the command may or may not have been carried out."""


class Redirected(Exception):
    """A node of a Cluster says that another one has the key's slot.

    Attributes:
        address: the other node.
        once: whether only this command is to go there, after ASKING: the slot is on its way.
    """

    def __init__(self, address: Address, *, once: bool) -> None:
        super().__init__(f"{address.host}:{address.port}")
        self.address = address
        self.once = once


@dataclass(frozen=True, slots=True)
class Login:
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


class Connections:
    """Idle connections to one server, and new ones as they are needed. Safe to share between threads.

    Args:
        address: where the server listens.
        login: how to open a connection.
        clock: the wall clock, in seconds: a monotonic one may stand still while the function is frozen.
    """

    def __init__(self, address: Address, login: Login, clock: Callable[[], float] = time.time) -> None:
        self.address = address
        self._clock = clock
        self._make: Callable[..., object] = TlsConnection if login.tls else Connection
        self._settings: dict[str, Any] = {
            "host": address.host,
            "port": address.port,
            "username": login.username,
            "password": login.password,
            "db": login.db,
            "retry": Retry(NoBackoff(), 0),
            "health_check_interval": 0,
            "protocol": 2,  # no HELLO on connecting: one round trip less
            "driver_info": None,  # nor CLIENT SETINFO: two less
        }
        if login.tokens is not None:
            self._settings |= {"username": None, "password": None, "credential_provider": login.tokens}
        if login.tls:
            self._settings["ssl_ca_certs"] = login.ca_file
            context(login.ca_file)  # now, when nobody waits for it
        self._idle: list[tuple[Link, float]] = []
        self._sent: WeakKeyDictionary[Link, float] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def send(self, limit: Deadline, *command: Argument, asking: bool = False) -> Link:
        """Send a command; pass the connection on to `receive`.

        Args:
            limit: when to give up.
            command: its name and arguments.
            asking: say ASKING first: the key's slot is on its way to this node.

        Raises:
            StoreUnavailable: it could not be sent before the deadline.
            Broken: there is no connection.
        """
        _left(limit)
        link = None
        try:
            link = self._taken() or self._opened(limit)
            if asking:
                link.send_packed_command([packed("ASKING")])
                link.read_response(timeout=_left(limit))
            link.send_packed_command([packed(*command)])
            with self._lock:
                self._sent[link] = self._clock()
        except RedisTimeoutError as error:
            self._discard(link)
            raise StoreUnavailable(f"the session store took no command in time: {error}") from error
        except RedisConnectionError as error:
            self._discard(link)
            self.close()  # whatever ended this one has most likely ended its like
            raise Broken(f"the session store cannot be reached: {error}") from error
        except CredentialsUnavailable as error:
            raise StoreUnavailable(f"the session store cannot be logged in to: {error}") from error
        except RedisError as error:  # while connecting: no such database, a password that is not asked for
            self._discard(link)
            raise StoreUnavailable(f"the session store refused the connection: {error}") from error
        return link

    def receive(self, link: Link, limit: Deadline) -> Any:
        """Return the answer to what was sent on a connection, which is idle then.

        Raises:
            StoreUnavailable: no answer before the deadline, or an error for an answer.
            Broken: the connection broke.
            Redirected: another node of the Cluster has the key.
            NoScriptError: the server does not know a script by its digest.
        """
        keep = False
        try:
            answer = link.read_response(timeout=_left(limit))
            keep = True
        except RedisTimeoutError as error:
            raise StoreUnavailable(f"the session store did not answer in time: {error}") from error
        except RedisConnectionError as error:
            self.close()
            raise Broken(f"the session store hung up: {error}") from error
        except NoScriptError:
            keep = True
            raise
        except AskError as error:  # MOVED is one, too
            keep = True
            address = Address(error.host or self.address.host, error.port)
            raise Redirected(address, once=not isinstance(error, MovedError)) from None
        except ReadOnlyError as error:
            self.close()  # after a failover every connection may lead to what is now a replica
            raise Broken(f"the session store's primary has moved: {error}") from error
        except RedisError as error:
            raise StoreUnavailable(f"the session store refused: {error}") from error
        else:
            return answer
        finally:
            if keep:
                with self._lock:  # idle since it was sent: the answer may have lain here while the function was frozen
                    self._idle.append((link, self._sent[link]))
            else:
                self._discard(link)

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            idle, self._idle = self._idle, []
        for link, _ in idle:
            link.disconnect()

    def _taken(self) -> Link | None:
        """Return the connection that was used last, and close those that were idle for too long."""
        now = self._clock()
        while True:
            with self._lock:
                if not self._idle:
                    return None
                link, since = self._idle.pop()
            if 0 <= now - since <= IDLE_SECONDS:  # a clock that was set back tells nothing: that is too long as well
                return link
            link.disconnect()

    def _opened(self, limit: Deadline) -> Link:
        left = _left(limit)
        link = cast("Link", self._make(**self._settings, socket_connect_timeout=left, socket_timeout=left))
        try:
            link.connect()
        except BaseException:
            link.disconnect()  # without credentials redis-py leaves the socket open
            raise
        return link

    @staticmethod
    def _discard(link: Link | None) -> None:
        if link is not None:
            link.disconnect()


def _left(limit: Deadline) -> float:
    left = limit.remaining()
    if not left:
        raise StoreUnavailable("no time was left for the session store")
    return left

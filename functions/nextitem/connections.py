"""Connections to one Redis or Valkey server, each step within a deadline. Knows no session and no script.

redis-py's connection speaks the protocol. Its pool, its retries and its default timeouts are not used: what may take
how long is said here at every step, and a command is tried once more only after its connection broke.
"""

import threading
from typing import Any, Protocol, cast

from redis.backoff import NoBackoff
from redis.connection import Connection, parse_url
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable


class Link(Protocol):
    """What is used of redis-py's connection, which it leaves half untyped."""

    def connect(self) -> None:
        """Connect, authenticate and select the database."""

    def send_command(self, *args: Any) -> None:
        """Send a command."""

    def read_response(self, *, timeout: float) -> Any:
        """Return the answer, waited for so many seconds."""

    def disconnect(self) -> None:
        """Close the socket."""


class Broken(Exception):
    """A connection broke; the command may or may not have been carried out."""


class Connections:
    """Idle connections to one server, and new ones as they are needed. Safe to share between threads.

    Args:
        url: ``redis://[user:password@]host:port/db``, ``rediss://`` for TLS.
    """

    def __init__(self, url: str) -> None:
        settings = parse_url(url)  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
        self._make = settings.pop("connection_class", Connection)
        self._settings = {
            **settings,
            "retry": Retry(NoBackoff(), 0),
            "health_check_interval": 0,
            "protocol": 2,  # no HELLO on connecting: one round trip less
            "driver_info": None,  # nor CLIENT SETINFO: two less
        }
        self._idle: list[Link] = []
        self._lock = threading.Lock()

    def exchange(self, limit: Deadline, *command: Any) -> Any:
        """Send a command and return the answer; where the connection breaks, once more on a new one.

        Raises:
            StoreUnavailable: no answer before the deadline, or an error for an answer.
            NoScriptError: the server does not know a script by its digest.
        """
        try:
            return self.receive(self.send(limit, *command), limit)
        except Broken:
            try:
                return self.receive(self.send(limit, *command), limit)
            except Broken as error:
                raise StoreUnavailable(str(error)) from error

    def send(self, limit: Deadline, *command: Any) -> Link:
        """Send a command; pass the connection on to `receive`.

        Raises:
            StoreUnavailable: it could not be sent before the deadline.
            Broken: there is no connection.
        """
        _left(limit)
        link = None
        try:
            link = self._taken() or self._opened(limit)
            link.send_command(*command)
        except RedisTimeoutError as error:
            self._discard(link)
            raise StoreUnavailable(f"the session store took no command in time: {error}") from error
        except RedisConnectionError as error:
            self._discard(link)
            self.close()  # whatever ended this one has most likely ended its like
            raise Broken(f"the session store cannot be reached: {error}") from error
        except RedisError as error:  # while connecting: no such database, a password that is not asked for
            self._discard(link)
            raise StoreUnavailable(f"the session store refused the connection: {error}") from error
        return link

    def receive(self, link: Link, limit: Deadline) -> Any:
        """Return the answer to what was sent on a connection, which is idle then.

        Raises:
            StoreUnavailable: no answer before the deadline, or an error for an answer.
            Broken: the connection broke.
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
        except ReadOnlyError as error:
            self.close()  # after a failover every connection may lead to what is now a replica
            raise Broken(f"the session store's primary has moved: {error}") from error
        except RedisError as error:
            raise StoreUnavailable(f"the session store refused: {error}") from error
        else:
            return answer
        finally:
            if keep:
                with self._lock:
                    self._idle.append(link)
            else:
                self._discard(link)

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            idle, self._idle = self._idle, []
        for link in idle:
            link.disconnect()

    def _taken(self) -> Link | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _opened(self, limit: Deadline) -> Link:
        left = _left(limit)
        link = cast("Link", self._make(**self._settings, socket_connect_timeout=left, socket_timeout=left))
        link.connect()
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

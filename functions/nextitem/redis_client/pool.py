"""Connections to one server, kept for reuse and opened in the background."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from nextitem.background_call import SharedCall
from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.login import Login
from nextitem.redis_client.outcomes import Broken, NoScript, Redirected, UnexpectedReply
from nextitem.redis_client.reply_shapes import one_of
from nextitem.redis_client.url import Address

if TYPE_CHECKING:
    from nextitem.redis_client.connection import Connection

_Reply = TypeVar("_Reply")

IDLE_SECONDS = 30.0
"""A connection that was idle for longer is not used again. Lambda freezes a function between invocations; meanwhile the
server or a NAT may drop the connection without a word, and a request that trusts it loses its deadline. Well under the
350 s after which AWS's NAT gateways drop one."""


class Pool:
    """Connections to one server. Safe to share between threads.

    A thread opens them, one at a time: neither the import of redis-py nor the lookup of a host name knows a deadline. A
    request waits for it until its own deadline; the connection is there for the next one.

    Args:
        address: where the server listens.
        login: how to log in.
        clock: the wall clock, in seconds: a monotonic one may stand still while the function is frozen.

    Attributes:
        address: where the server listens.
    """

    def __init__(self, address: Address, login: Login, clock: Callable[[], float] = time.time) -> None:
        self.address, self._login, self._clock = address, login, clock
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._opening = SharedCall(self._open, f"a connection to {address.host}:{address.port}")

    def send(self, limit: Deadline, *command: bytes | str | int, asking: bool = False) -> "Connection":
        """Send a command; pass the connection on to `receive`.

        Args:
            limit: when to give up.
            command: its name and arguments.
            asking: send ASKING first, because the key's slot is being moved to this node.

        Raises:
            StoreUnavailable: it could not be sent before the deadline.
            Broken: there is no connection.
        """
        connection = self._take(limit)
        try:
            if asking:
                connection.send(limit, "ASKING")
                one_of(b"OK")(connection.receive(limit))
            connection.send(limit, *command)
        except Exception as error:
            connection.close()
            if isinstance(error, Broken):
                self.close()  # the event that broke this one has most likely broken the others
            if isinstance(error, UnexpectedReply | NoScript | Redirected):  # the reply to ASKING
                raise self._misfit("did not accept ASKING") from None
            raise
        connection.used_at = self._clock()
        return connection

    def receive(self, connection: "Connection", limit: Deadline, parse: Callable[[Any], _Reply]) -> _Reply:
        """Return the reply to the command that was sent.

        Args:
            connection: from `send`.
            limit: when to give up.
            parse: checks and converts the reply, or raises `UnexpectedReply`: replies may be out of step with the
                commands, so the connection is closed.

        Raises:
            StoreUnavailable: the reply is unexpected. See `Connection.receive` for the others.
        """
        try:
            return parse(connection.receive(limit))
        except Broken:
            connection.close()
            self.close()
            raise
        except UnexpectedReply as error:
            connection.close()
            raise self._misfit(str(error)) from None
        finally:
            if connection.is_open:
                with self._lock:
                    self._idle.append(connection)

    def has_connection(self) -> bool:
        """Return whether a command can most likely be sent without opening a connection."""
        with self._lock:
            return any(map(self._is_young, self._idle))

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _misfit(self, words: str) -> StoreUnavailable:
        return StoreUnavailable(f"the session store at {self.address.host}:{self.address.port} {words}")

    def _take(self, limit: Deadline) -> "Connection":
        while (connection := self._take_idle()) is None:
            try:
                self._opening.result(limit)
            except TimeoutError as error:
                raise StoreUnavailable(f"the session store was not connected in time: {error}", late=True) from error
        return connection

    def _take_idle(self) -> "Connection | None":
        """Return the connection that was used last. Close those that were idle for too long or have unread data.

        Unread data is a reply too many, which the next command would take for its own, or the server hung up.
        """
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if self._is_young(connection) and not connection.has_reply():
                return connection
            connection.close()

    def _is_young(self, connection: "Connection") -> bool:
        return 0 <= self._clock() - connection.used_at <= IDLE_SECONDS  # negative: the clock was set back

    def _open(self) -> None:
        from nextitem.redis_client.connection import Connection  # tens of ms

        connection = Connection(self.address, self._login, self._clock())
        with self._lock:
            self._idle.append(connection)

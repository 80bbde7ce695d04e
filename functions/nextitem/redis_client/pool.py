"""Connections to one Redis or Valkey server, kept for reuse. Knows no session and no script.

What may take how long is said at every step, and nothing is tried again in here.
"""

import threading
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from nextitem.deadline import Deadline
from nextitem.errors import CredentialsUnavailable, StoreUnavailable
from nextitem.redis_client.connection import HungUp, Link, Login, Refused, TimedOut, tls_context
from nextitem.redis_client.resp import Argument, packed
from nextitem.redis_client.url import Address

IDLE_SECONDS = 30.0
"""A connection that was idle for longer is not used again. Lambda freezes a function between invocations; meanwhile the
server or a NAT may drop the connection without a word, and a request that trusts it loses its deadline. Well under the
350 s after which AWS's NAT gateways drop one."""


MAX_PORT = 65_535
_HARMLESS = frozenset({"NOSCRIPT", "MOVED", "ASK"})
"""Error replies after which the connection is as good as before."""


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


def address_told(host: object, port: Any, by: Address) -> Address:
    """Return an address that a server gives of another.

    Args:
        host: as it is in a reply; None, "" and "?" mean the one that the reply comes from.
        port: a number, or its digits.
        by: who replies.

    Raises:
        StoreUnavailable: it is none.
    """
    match host:
        case None | b"" | b"?" | "" | "?":
            text = by.host
        case bytes():
            text = host.decode(errors="replace")
        case _:
            text = str(host)
    try:
        number = int(port)
    except (TypeError, ValueError):
        number = 0
    if not 0 < number <= MAX_PORT:
        raise StoreUnavailable(f"the session store at {by.host}:{by.port} names a server that has no port")
    return Address(text, number)


class NoScript(Exception):
    """The server does not know a script by its digest."""


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
        self._login = login
        if login.tls:
            tls_context(login.ca_file)  # now, when nobody waits for it
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
        link = None
        data = packed("ASKING") + packed(*command) if asking else packed(*command)
        try:
            link = self._taken() or Link(self.address, self._login, limit)
            link.write(data, limit)
            if asking:
                link.read(limit)
            with self._lock:
                self._sent[link] = self._clock()
        except TimedOut as error:
            self._discard(link)
            raise StoreUnavailable(f"the session store took no command in time: {error}", late=True) from error
        except HungUp as error:
            self._discard(link)
            self.close()  # whatever ended this one has most likely ended its like
            raise Broken(f"the session store cannot be reached: {error}") from error
        except CredentialsUnavailable as error:
            late = not limit.remaining()
            raise StoreUnavailable(f"the session store cannot be logged in to: {error}", late=late) from error
        except Refused as error:  # while connecting: no such database, a password that is not asked for
            self._discard(link)
            raise StoreUnavailable(f"the session store refused the connection: {error}") from error
        return link

    def receive(self, link: Link, limit: Deadline) -> Any:
        """Return the answer to what was sent on a connection, which is idle then.

        Raises:
            StoreUnavailable: no answer before the deadline, or an error for an answer.
            Broken: the connection broke.
            Redirected: another node of the Cluster has the key.
            NoScript: the server does not know a script by its digest.
        """
        keep = False
        try:
            answer = link.read(limit)
            keep = True
        except TimedOut as error:
            raise StoreUnavailable(f"the session store did not answer in time: {error}", late=True) from error
        except HungUp as error:
            self.close()
            raise Broken(f"the session store hung up: {error}") from error
        except Refused as error:
            keep = error.code in _HARMLESS
            raise self._meaning(error) from error
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
            link.close()

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
            link.close()

    def _meaning(self, refusal: Refused) -> Exception:
        """Return what an error reply means for whoever asked: https://valkey.io/topics/cluster-spec/#redirection."""
        match refusal.words:
            case ["NOSCRIPT", *_]:
                return NoScript(str(refusal))
            case ["MOVED" | "ASK" as kind, _slot, place]:
                host, _, port = place.rpartition(":")
                try:
                    return Redirected(address_told(host, port, self.address), once=kind == "ASK")
                except StoreUnavailable as error:
                    return error
            case ["READONLY", *_]:
                self.close()  # after a failover every connection may lead to what is now a replica
                return Broken(f"the session store's primary has moved: {refusal}")
            case ["LOADING", *_]:
                return Broken(f"the session store is not ready: {refusal}")
        return StoreUnavailable(f"the session store refused: {refusal}")

    @staticmethod
    def _discard(link: Link | None) -> None:
        if link is not None:
            link.close()

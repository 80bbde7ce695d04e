"""From a server's host and port to socket addresses, within a deadline, which the system's resolver does not know.

Knows no connection.
"""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from nextitem.background_call import SharedCall
from nextitem.deadline import Deadline
from nextitem.redis_client.url import Address

KEPT_SECONDS = 5.0
"""How long a name's addresses are used before it is looked up again: names of ElastiCache change at a failover."""

Place = tuple[socket.AddressFamily, tuple[Any, ...]]
"""A socket's family, and where to connect it to."""


class Resolver:
    """Looks one server's host up, in a thread, and keeps what it finds for a moment.

    Args:
        address: where the server is.
        clock: the wall clock, in seconds: a monotonic one may stand still while the function is frozen.
    """

    def __init__(self, address: Address, clock: Callable[[], float] = time.time) -> None:
        self._address, self._clock = address, clock
        self._found: tuple[float, list[Place]] | None = None
        self._waiting = SharedCall(self._looked_up, f"the address of {address.host}")

    def places(self, limit: Deadline) -> list[Place]:
        """Return where to connect to, best first.

        Raises:
            TimeoutError: nobody said so before the deadline.
            OSError, ValueError: there is no such host, or port.
        """
        known = self._known()
        if known is not None:
            return known
        try:
            return self._places(socket.AI_NUMERICHOST)
        except socket.gaierror:  # a name
            return self._waiting.result(limit)

    def forget(self) -> None:
        """Look the name up anew: nobody was where it leads."""
        self._found = None

    def _known(self) -> list[Place] | None:
        found = self._found
        return found[1] if found is not None and 0 <= self._clock() - found[0] <= KEPT_SECONDS else None

    def _looked_up(self) -> list[Place]:
        known = self._known()  # by a call that ended after its result was looked for and before another was begun
        if known is not None:
            return known
        places = self._places()
        self._found = self._clock(), places
        return places

    def _places(self, flags: int = 0) -> list[Place]:
        host, port = self._address.host, self._address.port
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
        return [(family, where) for family, _, _, _, where in found]


_resolvers: dict[Address, Resolver] = {}
_lock = threading.Lock()


def resolver_of(address: Address) -> Resolver:
    """Return a server's resolver, the same for all connections of the process."""
    with _lock:
        return _resolvers.setdefault(address, Resolver(address))

"""Stop asking a server of the session store that fails, so that requests do not spend their deadline on it.

Each server has a circuit. After a few failures in a row it opens: requests for that server's sessions fail at once.
After `RESET_SECONDS` one request tries the server; its outcome closes the circuit, or opens it again. Sessions of other
servers are not concerned. Requests whose server is not known, because none could be asked for it, share one circuit.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol, TypeVar

from nextitem.deadline import Deadline
from nextitem.errors import StoreRefused, StoreUnavailable
from nextitem.sessions.session import (
    Answerer,
    Appended,
    Event,
    Impression,
    PendingSave,
    SessionKey,
    SessionRecord,
    SessionStore,
    Snapshot,
)
from nextitem.sessions.trends import Count, Trend, Trends

FAILURE_THRESHOLD = 3
"""Failures in a row that open the circuit."""
RUSHED_PER_FAILURE = 5
"""Timeouts of rushed requests, in a row, that count as one failure. With more time there might have been a reply, but a
dead server must not cost each of these requests its deadline for ever."""
RESET_SECONDS = 1.0
"""Time that the circuit stays open before one request tries the server."""
FAIR_SECONDS = 0.02
"""A request that gives the server less time than this is rushed. A refused or broken connection always counts as a
failure."""

_Result = TypeVar("_Result")


class DistributedStore(SessionStore, Protocol):
    """A `SessionStore` on any number of servers; its errors name the server at fault."""

    def server_of(self, key: str) -> Hashable | None:
        """Return the server that most likely has a key; None if none is known yet."""


class CircuitBreaker:
    """A `SessionStore` around another one that fails at once for servers that are known to fail.

    `ping` always reaches the store: if it succeeds, the circuit closes.

    Args:
        store: the store.
        clock: the wall clock, in seconds: a monotonic one may stand still while the function is frozen.
    """

    def __init__(self, store: DistributedStore, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._circuits: defaultdict[Hashable | None, _Circuit] = defaultdict(_Circuit)

    def append(
        self,
        key: SessionKey,
        events: Sequence[Event],
        version: str,
        now: int,
        deadline: Deadline,
        answerer: Answerer | None = None,
    ) -> Appended:
        """See `SessionStore.append`."""
        return self._call([key], lambda: self._store.append(key, events, version, now, deadline, answerer), deadline)

    def load(self, key: str, version: str, deadline: Deadline) -> SessionRecord:
        """See `SessionStore.load`."""
        return self._call([key], lambda: self._store.load(key, version, deadline), deadline)

    def save(
        self,
        key: str,
        version: str,
        snapshot: Snapshot | None,
        deadline: Deadline,
        impression: Impression | None = None,
    ) -> PendingSave:
        """See `SessionStore.save`."""
        saving = self._store.save(key, version, snapshot, deadline, impression)
        # `fair`: the store had the whole time of the save, however little time this request has left.
        return _CountedSave(saving, lambda limit: self._count([key], lambda: saving.result(limit), fair=True))

    def move(self, old: str, key: str, deadline: Deadline) -> bool:
        """See `SessionStore.move`."""
        return self._call([old, key], lambda: self._store.move(old, key, deadline), deadline)

    def delete(self, key: SessionKey, deadline: Deadline, old: str | None = None) -> None:
        """See `SessionStore.delete`."""
        keys = [key] if old is None else [old, key]
        self._call(keys, lambda: self._store.delete(key, deadline, old), deadline)

    def ping(self, deadline: Deadline) -> None:
        """See `SessionStore.ping`."""
        self._count([""], lambda: self._store.ping(deadline), fair=_is_fair(deadline))

    def trends(self, trends: "ServedTrends") -> "GuardedTrends":
        """Return the same counts behind the circuits of these servers."""
        return GuardedTrends(trends, self._call, self._count)

    def _call(self, keys: Sequence[str], call: Callable[[], _Result], deadline: Deadline) -> _Result:
        """Call the store unless the circuit of a key's server is open."""
        servers = {self._store.server_of(key) for key in keys}
        with self._lock:
            now = self._clock()
            failing = [self._circuits[server] for server in servers if self._circuits[server].is_failing()]
            # A longer time remains only if the clock was set back.
            if any(0 < circuit.open_until - now <= RESET_SECONDS for circuit in failing):
                raise StoreUnavailable(f"the circuit is open for {RESET_SECONDS:g} s: the session store failed")
            for circuit in failing:
                circuit.open_until = now + RESET_SECONDS  # this request tries, the others still fail
        return self._count(keys, call, fair=_is_fair(deadline))

    def _count(self, keys: Sequence[str], call: Callable[[], _Result], *, fair: bool) -> _Result:
        """Call the store and count the outcome; a timeout counts less if the store had too little time (not `fair`)."""
        try:
            result = call()
        except StoreRefused as error:
            self._close({error.server})  # this key or command is at fault: the server answered
            raise
        except StoreUnavailable as error:
            with self._lock:
                circuit = self._circuits[error.server]
                circuit.points += 1 if error.late and not fair else RUSHED_PER_FAILURE
                if circuit.is_failing():
                    circuit.open_until = self._clock() + RESET_SECONDS
            raise
        self._close({None, *map(self._store.server_of, keys)})
        return result

    def _close(self, servers: set[Hashable | None]) -> None:
        with self._lock:
            for server in servers:
                self._circuits[server].points = 0


class ServedTrends(Trends, Protocol):
    """`Trends` on servers."""

    def key(self, group: str | None) -> str:
        """Return the key of the whole catalogue's counts, or of a group's."""


class GuardedTrends:
    """`Trends` that fail at once where the circuit of their server is open; see `CircuitBreaker.trends`."""

    def __init__(self, trends: ServedTrends, call: Callable[..., Any], count: Callable[..., Any]) -> None:
        self._trends, self._call, self._settle = trends, call, count

    def count(self, counts: Sequence[Count], deadline: Deadline) -> PendingSave:
        """See `Trends.count`."""
        sent, key = self._trends.count(counts, deadline), self._trends.key(None)
        return _CountedSave(sent, lambda limit: bool(self._settle([key], lambda: sent.result(limit), fair=True)))

    def top(self, group: str | None, now: int, deadline: Deadline) -> list[Trend]:
        """See `Trends.top`."""
        key = self._trends.key(group)
        top: list[Trend] = self._call([key], lambda: self._trends.top(group, now, deadline), deadline)
        return top


class _Circuit:
    """The failures of one server, in points: a failure adds `RUSHED_PER_FAILURE`, a timeout of a rushed request one."""

    def __init__(self) -> None:
        self.points = 0
        self.open_until = -float("inf")

    def is_failing(self) -> bool:
        return self.points >= FAILURE_THRESHOLD * RUSHED_PER_FAILURE


class _CountedSave:
    """A save whose outcome counts, too."""

    def __init__(self, saving: PendingSave, settle: Callable[[Deadline], bool]) -> None:
        self._saving, self._settle = saving, settle

    def done(self) -> bool:
        """See `PendingSave.done`."""
        return self._saving.done()

    def result(self, deadline: Deadline) -> bool:
        """See `PendingSave.result`."""
        return self._settle(deadline)


def _is_fair(deadline: Deadline) -> bool:
    return deadline.remaining() >= FAIR_SECONDS

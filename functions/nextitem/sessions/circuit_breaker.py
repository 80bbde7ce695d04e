"""Stop asking a session store that fails, so that requests do not spend their deadline on it.

After a few failures in a row the circuit opens: requests fail at once. After `RESET_SECONDS` one request tries the
store; its outcome closes the circuit, or opens it again.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.sessions.session import (
    Appended,
    Event,
    Impression,
    PendingSave,
    SessionKey,
    SessionRecord,
    SessionStore,
    Snapshot,
)

FAILURE_THRESHOLD = 3
"""Failures in a row that open the circuit."""
RUSHED_PER_FAILURE = 5
"""Timeouts of rushed requests, in a row, that count as one failure. With more time there might have been a reply, but a
dead store must not cost each of these requests its deadline for ever."""
RESET_SECONDS = 1.0
"""Time that the circuit stays open before one request tries the store."""
FAIR_SECONDS = 0.02
"""A request that gives the store less time than this is rushed. A refused or broken connection is a failure however
little time there was."""

_Result = TypeVar("_Result")


class CircuitBreaker:
    """A `SessionStore` around another one that fails at once while that one is known to fail.

    `ping` always reaches the store: if it succeeds, the circuit closes.

    Args:
        store: the store.
        clock: the wall clock, in seconds: a monotonic one may stand still while the function is frozen.
    """

    def __init__(self, store: SessionStore, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._points = 0  # a failure adds `RUSHED_PER_FAILURE`, the timeout of a rushed request one
        self._open_until = -float("inf")

    def append(self, key: SessionKey, events: Sequence[Event], version: str, now: int, deadline: Deadline) -> Appended:
        """See `SessionStore.append`."""
        return self._call(lambda: self._store.append(key, events, version, now, deadline), deadline)

    def load(self, key: str, version: str, deadline: Deadline) -> SessionRecord:
        """See `SessionStore.load`."""
        return self._call(lambda: self._store.load(key, version, deadline), deadline)

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
        return _CountedSave(saving, lambda limit: self._count(lambda: saving.result(limit), fair=True))

    def move(self, old: str, key: str, deadline: Deadline) -> bool:
        """See `SessionStore.move`."""
        return self._call(lambda: self._store.move(old, key, deadline), deadline)

    def delete(self, key: str, deadline: Deadline, old: str | None = None) -> None:
        """See `SessionStore.delete`."""
        self._call(lambda: self._store.delete(key, deadline, old), deadline)

    def ping(self, deadline: Deadline) -> None:
        """See `SessionStore.ping`."""
        self._count(lambda: self._store.ping(deadline), fair=_is_fair(deadline))

    def _call(self, call: Callable[[], _Result], deadline: Deadline) -> _Result:
        """Call the store unless the circuit is open."""
        with self._lock:
            if self._is_failing():
                if 0 < self._open_until - self._clock() <= RESET_SECONDS:  # more: the clock was set back
                    raise StoreUnavailable(f"the circuit is open for {RESET_SECONDS:g} s: the session store failed")
                self._open_until = self._clock() + RESET_SECONDS  # this request tries, the others still fail
        return self._count(call, fair=_is_fair(deadline))

    def _count(self, call: Callable[[], _Result], *, fair: bool) -> _Result:
        """Call the store and count the outcome; a timeout counts less if the store had too little time (not `fair`)."""
        try:
            result = call()
        except StoreUnavailable as error:
            with self._lock:
                self._points += 1 if error.late and not fair else RUSHED_PER_FAILURE
                if self._is_failing():
                    self._open_until = self._clock() + RESET_SECONDS
            raise
        with self._lock:
            self._points = 0
        return result

    def _is_failing(self) -> bool:
        return self._points >= FAILURE_THRESHOLD * RUSHED_PER_FAILURE


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

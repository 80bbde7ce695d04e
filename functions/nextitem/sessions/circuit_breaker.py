"""Keeps a dead session store from costing each request its whole deadline. Knows no server and no script.

After a few failures in a row the store is not asked for a while; then one request tries, and its luck decides.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.sessions.session import Appended, Event, Impression, Saving, SessionRecord, SessionStore, Snapshot

FAILURES = 3
"""Failures in a row after which the store is left alone."""
HURRIED = 5
"""So many times in a row that a client in a hurry got no answer count as one failure: with more time there might have
been one, but a store that is dead must not cost each such client its deadline for ever."""
REST_SECONDS = 1.0
"""How long it is left alone before one request tries it again."""
FAIR_SECONDS = 0.02
"""A store that was given less time than this and only did not answer in it: then its client was in a hurry. One that
refused the connection, or hung up, has failed however little time there was."""

_Answer = TypeVar("_Answer")


class GuardedStore:
    """A `SessionStore` around another one that is not asked while it is known to fail.

    `ping` always asks: a store that answers it is used again at once.

    Args:
        store: the store.
        clock: the wall clock, in seconds: a monotonic one may stand still while the function is frozen.
    """

    def __init__(self, store: SessionStore, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._points = 0  # of which a failure has `HURRIED`, and a client's hurry one
        self._rests_until = -float("inf")

    def append(self, key: str, events: Sequence[Event], version: str, now: int, deadline: Deadline) -> Appended:
        """See `SessionStore.append`."""
        return self._guarded(lambda: self._store.append(key, events, version, now, deadline), deadline)

    def load(self, key: str, version: str, deadline: Deadline) -> SessionRecord:
        """See `SessionStore.load`."""
        return self._guarded(lambda: self._store.load(key, version, deadline), deadline)

    def save(
        self,
        key: str,
        version: str,
        snapshot: Snapshot | None,
        deadline: Deadline,
        impression: Impression | None = None,
    ) -> Saving:
        """See `SessionStore.save`."""
        saving = self._store.save(key, version, snapshot, deadline, impression)
        # It is settled when its answer is there, or has had all the time there was: fair whatever is left now.
        return _GuardedSaving(saving, lambda till: self._watched(lambda: saving.settle(till), fair=True))

    def adopt(self, old: str, key: str, deadline: Deadline) -> bool:
        """See `SessionStore.adopt`."""
        return self._guarded(lambda: self._store.adopt(old, key, deadline), deadline)

    def delete(self, key: str, deadline: Deadline, old: str | None = None) -> None:
        """See `SessionStore.delete`."""
        self._guarded(lambda: self._store.delete(key, deadline, old), deadline)

    def ping(self, deadline: Deadline) -> None:
        """See `SessionStore.ping`."""
        self._watched(lambda: self._store.ping(deadline), fair=_fair(deadline))

    def _watched(self, ask: Callable[[], _Answer], *, fair: bool) -> _Answer:
        """Ask, and remember whether there was an answer; only being late in no fair time counts for less."""
        try:
            answer = ask()
        except StoreUnavailable as error:
            with self._lock:
                self._points += 1 if error.late and not fair else HURRIED
                if self._fails():
                    self._rests_until = self._clock() + REST_SECONDS
            raise
        with self._lock:
            self._points = 0
        return answer

    def _guarded(self, ask: Callable[[], _Answer], deadline: Deadline) -> _Answer:
        with self._lock:
            if self._fails():
                if 0 < self._rests_until - self._clock() <= REST_SECONDS:  # more: the clock was set back
                    raise StoreUnavailable("the session store is left alone for a moment: it failed several times")
                self._rests_until = self._clock() + REST_SECONDS  # this request tries, others go on waiting
        return self._watched(ask, fair=_fair(deadline))

    def _fails(self) -> bool:
        return self._points >= FAILURES * HURRIED


class _GuardedSaving:
    """A save whose outcome counts, too."""

    def __init__(self, saving: Saving, settle: Callable[[Deadline], bool]) -> None:
        self._saving, self._settle = saving, settle

    def due(self) -> bool:
        """See `Saving.due`."""
        return self._saving.due()

    def settle(self, deadline: Deadline) -> bool:
        """See `Saving.settle`."""
        return self._settle(deadline)


def _fair(deadline: Deadline) -> bool:
    return deadline.remaining() >= FAIR_SECONDS

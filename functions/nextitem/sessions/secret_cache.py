"""Keep the key secret in memory: read it in the background and again before a rotation takes effect.

A rotation is announced: the new secret can be read long before it takes effect (`operations.rotate_secret`). The times
below follow from that: a secret is read again after `RENEW_SECONDS`, and one that was read less than `TRUSTED_SECONDS`
ago surely includes every rotation that has taken effect.
"""

import threading
import time
from collections.abc import Callable

from nextitem.deadline import Deadline
from nextitem.errors import NextItemError, SecretUnavailable
from nextitem.sessions.key_secret import KeySecret

RENEW_SECONDS = 300.0
"""Age at which the secret is read again, in the background. A rotation is announced for twice as long."""
TRUSTED_SECONDS = 1.5 * RENEW_SECONDS
"""Age up to which a secret is surely the current one: less than a rotation is announced for."""
RETRY_SECONDS = 1.0
"""Minimum time between two attempts to read the secret."""
WAIT_SECONDS = 0.05
"""Maximum time from the start of a read that requests wait for it. Without a secret they are answered without their
session; with one that is too old to be trusted they use that: it is probably still the right one."""
WAIT_SHARE = 0.5
"""The share of a request's time that it waits at most: the store needs the rest."""


class SecretCache:
    """Holds the secret. Threads may share it.

    Args:
        read: reads the secret; raises `SecretUnavailable`.
        on_fault: called if a read in the background fails.
        clock: the wall clock, in seconds: a monotonic one may stand still while the function is frozen.
    """

    def __init__(
        self,
        read: Callable[[], KeySecret],
        on_fault: Callable[[NextItemError], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._read, self._on_fault, self._clock = read, on_fault, clock
        self._held: tuple[KeySecret, float] | None = None  # with the time at which its read began
        self._read_began = -float("inf")
        self._reader: threading.Thread | None = None
        self._lock = threading.Lock()

    def load(self) -> None:
        """Read the secret now, however long that takes.

        Raises:
            SecretUnavailable: it cannot be read; the old one stays.
        """
        self._read_began = began = self._clock()
        self._held = self._read(), began

    def start_reading(self) -> threading.Thread:
        """Return the thread that reads the secret, started now unless one is running."""
        with self._lock:
            if self._reader is None or not self._reader.is_alive():
                self._read_began = self._clock()
                self._reader = threading.Thread(target=self._load_or_report, name="secret", daemon=True)
                self._reader.start()
            return self._reader

    def forget(self) -> None:
        """Forget the secret: a SnapStart snapshot may be several rotations old."""
        self._held, self._read_began = None, -float("inf")

    def current(self, limit: Deadline | None = None) -> KeySecret:
        """Return the secret; start reading it again if it is due, and wait only as long as `WAIT_SECONDS` allows.

        Raises:
            SecretUnavailable: it has not been read yet.
        """
        if not self._is_younger_than(RENEW_SECONDS) and not 0 <= self._clock() - self._read_began < RETRY_SECONDS:
            self.start_reading()
        with self._lock:  # another thread may be about to start it
            reader = self._reader
        if reader is not None and not self._is_younger_than(TRUSTED_SECONDS):
            share = float("inf") if limit is None else limit.remaining() * WAIT_SHARE
            waited = max(0.0, self._clock() - self._read_began)  # by earlier requests
            reader.join(max(0.0, min(share, WAIT_SECONDS - waited)))
        held = self._held
        if held is None:
            raise SecretUnavailable("the key secret has not been read yet; it is tried every second")
        return held[0]

    def trusted(self, limit: Deadline) -> KeySecret:
        """Return the secret, read recently enough to be surely the current one; wait for that if necessary.

        Raises:
            SecretUnavailable: it cannot be read before the deadline.
        """
        if not self._is_younger_than(TRUSTED_SECONDS):
            self.start_reading().join(limit.remaining())
        held = self._held
        if held is None or not self._is_younger_than(TRUSTED_SECONDS):
            raise SecretUnavailable("the current key secret cannot be read, so a deletion could miss a key: try again")
        return held[0]

    def _is_younger_than(self, seconds: float) -> bool:
        return self._held is not None and 0 <= self._clock() - self._held[1] < seconds

    def _load_or_report(self) -> None:
        try:
            self.load()
        except SecretUnavailable as error:
            self._on_fault(error)

"""Which key of the store a session has, and under which secret; and how a changed secret becomes known.

A rotation takes effect at a moment, `KeySecret.rotated_at`: until then every process uses the secret before and from
then on the new one, and sessions still live under the one before: `SessionKeys.previous` says where. What holds that
together: the moment is `TRUSTED_SECONDS` at least after the new secret can be read (`operations.rotate_secret` sees to
it), by when each process that answers requests has read it. What is left to trust: that clocks agree to some ms, and
that Secrets Manager can be read within that time; a process that cannot, and one that slept until now for its first
requests, uses the old key, whose events are adopted later, but deletes nothing by it (`KeyRing.everywhere`).

Knows no store: `recommender` moves what it finds there.
"""

import hashlib
import hmac
import threading
import time
from collections.abc import Callable

import msgspec

from nextitem.deadline import Deadline
from nextitem.errors import NextItemError, SecretUnavailable
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.session import session_key

RENEW_SECONDS = 300.0
"""After so long the secret is read again, in the background. A rotation is announced for twice as long."""
RENEWAL_RETRY_SECONDS = 5.0
"""Least time between two attempts at that: one that failed must not leave a process with an old secret for long."""
TRUSTED_SECONDS = 1.5 * RENEW_SECONDS
"""A secret that was read no longer ago is surely the one to use, for a rotation is announced for longer."""
RETRY_SECONDS = 1.0
"""Least time between two attempts to read a first secret."""
FIRST_SECONDS = 0.05
"""The longest that a request waits for a first secret, without which it is answered without its session, or for a new
one in place of one that is not to be trusted."""
STALE_SHARE = 0.5
"""The share of a request's time that the latter may take: the old one may well do, and the store needs the rest."""


class SessionName(msgspec.Struct, frozen=True):
    """Whose session: the client's id and, where API Gateway checked a token (JWT), the token's subject."""

    session_id: str
    subject: str | None = None

    @property
    def place(self) -> str:
        """Hex digits that are uniform over sessions and the same for ever: which variant a session gets."""
        return hashlib.sha256(f"{self.subject or ''}\n{self.session_id}".encode()).hexdigest()

    def key(self, secret: bytes) -> str:
        """Return the store's key: an HMAC, so that the store never holds the id itself.

        A subject's sessions are under a secret of its own, so no choice of ids leads to another's session.
        """
        if self.subject is not None:
            secret = hmac.digest(secret, self.subject.encode(), "sha256")
        return session_key(secret, self.session_id)


class SessionKeys(msgspec.Struct, frozen=True):
    """The store's key of a session, and where it may live still (None: nowhere else)."""

    current: str
    previous: str | None = None


class KeyRing:
    """Makes the keys of sessions.

    Args:
        read: gives the secret; asked again every `RENEW_SECONDS`.
        session_ttl: seconds after which a session that is not touched is gone.
        on_fault: told when the secret cannot be read in the background.
        clock: the wall clock, in seconds: a monotonic one may stand still while the function is frozen.
    """

    def __init__(
        self,
        read: Callable[[], KeySecret],
        session_ttl: float,
        on_fault: Callable[[NextItemError], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._read, self._session_ttl = read, session_ttl
        self._on_fault, self._clock = on_fault, clock
        self._known: tuple[KeySecret, float] | None = None  # and when it was asked for
        self._looked = -float("inf")
        self._reading: threading.Thread | None = None
        self._lock = threading.Lock()

    def load(self) -> None:
        """Read the secret, however long that takes.

        Raises:
            SecretUnavailable: it cannot be read; the one that was known stays.
        """
        self._looked = asked = self._clock()
        self._known = self._read(), asked

    def prepare(self) -> None:
        """Read the secret; what goes wrong is told, and tried again by the requests."""
        try:
            self.load()
        except SecretUnavailable as error:
            self._on_fault(error)

    def reading(self) -> threading.Thread:
        """Return the thread that prepares, begun now unless one is under way."""
        with self._lock:
            if self._reading is None or not self._reading.is_alive():
                self._looked = self._clock()
                self._reading = threading.Thread(target=self.prepare, name="secret", daemon=True)
                self._reading.start()
            return self._reading

    def forget(self) -> None:
        """Forget the secret: what a snapshot of SnapStart's held may be several rotations old."""
        self._known, self._looked = None, -float("inf")

    def keys(self, name: SessionName, limit: Deadline | None = None) -> SessionKeys:
        """Return the keys of a session.

        Args:
            name: whose.
            limit: when to give up waiting for a secret; `FIRST_SECONDS` from now at the latest.

        Raises:
            SecretUnavailable: no secret is known yet.
        """
        left = FIRST_SECONDS if limit is None else min(FIRST_SECONDS, limit.remaining())
        if not self._younger(RENEW_SECONDS) and self._due():
            self.reading()
        if self._reading is not None and not self._younger(TRUSTED_SECONDS):
            share = 1 if self._known is None else STALE_SHARE
            waited = max(0.0, self._clock() - self._looked)  # by others; who comes later does not begin anew
            self._reading.join(max(0.0, min(left * share, FIRST_SECONDS - waited)))
        if self._known is None:
            raise SecretUnavailable("the key secret is not known yet; it is asked for every second")
        secret, now = self._known[0], self._clock()
        if secret.previous is None:
            return SessionKeys(name.key(secret.current))
        if secret.rotated_at is not None and now < secret.rotated_at:
            return SessionKeys(name.key(secret.previous))
        return SessionKeys(name.key(secret.current), name.key(secret.previous) if self._sought(secret, now) else None)

    def everywhere(self, name: SessionName, limit: Deadline) -> SessionKeys:
        """Return every key that a session may have, or may get by what is on its way: what a deletion must know.

        Args:
            name: whose.
            limit: when to give up waiting for the secret as it is now.

        Raises:
            SecretUnavailable: it is not surely known.
        """
        if not self._younger(TRUSTED_SECONDS):
            self.reading().join(limit.remaining())
        known = self._known
        if known is None or not self._younger(TRUSTED_SECONDS):
            raise SecretUnavailable("the key secret as it is now is not known, so nothing can surely be deleted")
        secret = known[0]
        if secret.previous is None or not self._sought(secret, self._clock()):
            return SessionKeys(name.key(secret.current))
        return SessionKeys(name.key(secret.current), name.key(secret.previous))

    def _younger(self, seconds: float) -> bool:
        return self._known is not None and 0 <= self._clock() - self._known[1] < seconds

    def _due(self) -> bool:
        wait = RETRY_SECONDS if self._known is None else RENEWAL_RETRY_SECONDS
        return not 0 <= self._clock() - self._looked < wait

    def _sought(self, secret: KeySecret, now: float) -> bool:
        return secret.rotated_at is None or now - secret.rotated_at <= self._session_ttl + RENEW_SECONDS

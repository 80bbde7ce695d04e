"""Which key of the store a session has, and under which secret; and how a changed secret becomes known.

After a rotation sessions still live under the secret before: `SessionKeys.previous` says where. Knows no store:
`recommender` moves what it finds there.
"""

import hashlib
import hmac
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from nextitem.errors import NextItemError, SecretUnavailable
from nextitem.keysecret import KeySecret
from nextitem.session import session_key

RENEW_SECONDS = 300.0
"""After so long the secret is read again, in the background: until then a process may use the old one."""
RETRY_SECONDS = 1.0
"""Least time between two attempts to read a first secret."""
FIRST_SECONDS = 0.05
"""The longest that a request waits for a first secret: without one it is answered without its session."""


@dataclass(frozen=True, slots=True)
class SessionName:
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


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The store's key of a session, and where it may live still (None: nowhere else)."""

    current: str
    previous: str | None = None


class KeyRing:
    """Makes the keys of sessions.

    Args:
        read: gives the secret; asked again every `RENEW_SECONDS`.
        session_ttl: seconds after which an untouched session is forgotten: for so long, and `RENEW_SECONDS` more, after
            a rotation sessions are looked for under the previous secret.
        on_fault: told of what went wrong in the background.
        clock: the wall clock, in seconds.
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
        self._secret: KeySecret | None = None
        self._looked = -float("inf")
        self._reading = threading.Lock()

    def load(self) -> None:
        """Read the secret, however long that takes.

        Raises:
            SecretUnavailable: it cannot be read; the one that was known stays.
        """
        self._looked = self._clock()
        self._secret = self._read()

    def prepare(self) -> None:
        """Read the secret; what goes wrong is told, and tried again by the requests."""
        try:
            self.load()
        except SecretUnavailable as error:
            self._on_fault(error)

    def forget(self) -> None:
        """Forget the secret: what a snapshot of SnapStart's held may be several rotations old."""
        self._secret, self._looked = None, -float("inf")

    def keys(self, name: SessionName) -> SessionKeys:
        """Return the keys of a session.

        Raises:
            SecretUnavailable: no secret is known yet.
        """
        age = self._clock() - self._looked
        due = RETRY_SECONDS if self._secret is None else RENEW_SECONDS
        if not 0 <= age < due and self._reading.acquire(blocking=False):
            reading = threading.Thread(target=self._renew, name="secret", daemon=True)
            reading.start()
            if self._secret is None:
                reading.join(FIRST_SECONDS)
        secret = self._secret
        if secret is None:
            raise SecretUnavailable("the key secret is not known yet; it is asked for every second")
        previous = secret.previous if self._sought(secret) else None
        return SessionKeys(name.key(secret.current), None if previous is None else name.key(previous))

    def _sought(self, secret: KeySecret) -> bool:
        lives = self._session_ttl + RENEW_SECONDS
        return secret.rotated_at is None or self._clock() - secret.rotated_at <= lives

    def _renew(self) -> None:
        try:
            self.prepare()
        finally:
            self._reading.release()

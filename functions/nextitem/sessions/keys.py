"""Make the store's key of a session from its name and the key secret, also while the secret is rotated.

A rotation takes effect at `KeySecret.rotated_at`. Until then all processes use the previous secret, from then on the
new one, and `SessionKeys.previous` says where a session may still be. That needs two things: clocks that agree to some
milliseconds, and a process that reads the secret in the minutes between a rotation and its effect (`secret_cache`). A
process that cannot read it uses the old key. Its events are moved later, but it deletes nothing.
"""

import hmac
import time
from collections.abc import Callable

import msgspec

from nextitem.deadline import Deadline
from nextitem.errors import NextItemError, SecretUnavailable
from nextitem.sessions.event_stream import bucket_tag
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.secret_cache import RENEW_SECONDS, SecretCache
from nextitem.sessions.session import SessionKey


def session_key(secret: bytes, session_id: str, buckets: int = 0) -> SessionKey:
    """Return the store's key of a session, which cannot be made without the secret.

    The first half of an HMAC is the name, the second half the key of hashes: neither tells anything about the other.

    Args:
        secret: the deployment's key secret.
        session_id: the client's name of the session.
        buckets: the number of streams of the event lake; 0 if it is off. The name then holds its bucket as a hash tag,
            so that session and stream are in one slot of a Cluster.
    """
    digest = hmac.digest(secret, session_id.encode(), "sha256")
    bucket = bucket_tag(int.from_bytes(digest[:4]) % buckets) if buckets else ""
    return SessionKey(f"nextitem:{bucket}{digest[:16].hex()}", digest[16:])


class SessionName(msgspec.Struct, frozen=True):
    """The client's id of a session and, if API Gateway checked a token (JWT), the token's subject."""

    session_id: str
    subject: str | None = None

    def key(self, secret: bytes, buckets: int = 0) -> SessionKey:
        """Return the store's key; see `session_key`."""
        return session_key(self._secret(secret), self.session_id, buckets)

    def pseudonym(self, lake_key: bytes) -> str:
        """Return the session's name in the event lake: 16 hex digits that cannot be made without the lake's key."""
        return hmac.digest(self._secret(lake_key), self.session_id.encode(), "sha256")[:8].hex()

    def _secret(self, secret: bytes) -> bytes:
        """Return the subject's own secret, so that no choice of ids leads to another subject's session."""
        return secret if self.subject is None else hmac.digest(secret, self.subject.encode(), "sha256")


class SessionKeys(msgspec.Struct, frozen=True):
    """The store's key of a session, and the key at which it may still be (None: at no other)."""

    current: SessionKey
    previous: SessionKey | None = None


class KeyRing:
    """Makes the keys of sessions.

    Args:
        read: reads the secret.
        session_ttl: seconds after which a session without events is forgotten.
        on_fault: called if the secret cannot be read in the background.
        clock: the wall clock, in seconds.
        lake_buckets: the number of streams of the event lake; 0 if it is off.

    Attributes:
        secret: the secret, as this process knows it.
    """

    def __init__(
        self,
        read: Callable[[], KeySecret],
        session_ttl: float,
        on_fault: Callable[[NextItemError], None],
        clock: Callable[[], float] = time.time,
        lake_buckets: int = 0,
    ) -> None:
        self.secret = SecretCache(read, on_fault, clock)
        self._session_ttl, self._clock = session_ttl, clock
        self._buckets = lake_buckets

    def keys(self, name: SessionName, limit: Deadline | None = None) -> SessionKeys:
        """Return the keys with which to read and write a session.

        Args:
            name: the session.
            limit: when to stop waiting for a secret; see `SecretCache.current`.

        Raises:
            SecretUnavailable: no secret has been read yet.
        """
        secret = self.secret.current(limit)
        if secret.previous is not None and secret.rotated_at is not None and self._clock() < secret.rotated_at:
            return SessionKeys(self._named(name, secret, name.key(secret.previous, self._buckets)))
        return self._both(name, secret)

    def keys_to_delete(self, name: SessionName, limit: Deadline) -> SessionKeys:
        """Return all keys that a session may have, including those that a process about to rotate gives it.

        Args:
            name: the session.
            limit: when to stop waiting for the secret.

        Raises:
            SecretUnavailable: the current secret cannot be read.
        """
        return self._both(name, self.secret.trusted(limit))

    def draw(self, salt: str, name: SessionName, limit: Deadline | None = None) -> float:
        """Return where a session lies in an experiment, uniform in [0, 1); all sessions of a token's subject together.

        It is keyed with the lake's key, which a rotation keeps, so no rotation assigns a session elsewhere. Without a
        secret nothing is stored, and the session takes no part: 1.

        Args:
            salt: the experiment's; another one gives draws that are independent of these.
            name: the session.
            limit: when to stop waiting for a secret; see `SecretCache.current`.
        """
        try:
            key = self.secret.current(limit).lake_key
        except SecretUnavailable:
            return 1.0
        subject = f"session {name.session_id}" if name.subject is None else f"subject {name.subject}"
        digest = hmac.digest(hmac.digest(key, salt.encode(), "sha256"), subject.encode(), "sha256")
        return (int.from_bytes(digest[:8]) >> 11) / (1 << 53)  # 53 bits are a float's: more could round to 1

    def _both(self, name: SessionName, secret: KeySecret) -> SessionKeys:
        current = name.key(secret.current, self._buckets)
        if secret.previous is None:
            return SessionKeys(self._named(name, secret, current))
        previous = name.key(secret.previous, self._buckets)
        expired = False
        if secret.rotated_at is not None:
            expired = self._clock() - secret.rotated_at > self._session_ttl + RENEW_SECONDS
        if expired:  # every session of that time has expired or was moved
            return SessionKeys(self._named(name, secret, SessionKey(current, current.hash_key, previous.hash_key)))
        # Processes that still use the previous secret must give an event the same tag, or it would count twice.
        key = self._named(name, secret, SessionKey(current, previous.hash_key, current.hash_key))
        return SessionKeys(key, previous)

    def _named(self, name: SessionName, secret: KeySecret, key: SessionKey) -> SessionKey:
        """Add the session's name in the event lake, if the lake is on."""
        if self._buckets:
            key.pseudonym = name.pseudonym(secret.lake_key)
        return key

"""A key secret and a clock that a test sets, and what processes make of them."""

import threading
from dataclasses import dataclass, field

from nextitem.errors import NextItemError, SecretUnavailable
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.keys import KeyRing, SessionName
from tests.nextitem.parts import PATIENCE_SECONDS

SECRET, OTHER = b"a secret of tests", b"another of tests"
TTL = 3_600.0
ME = SessionName("me")


@dataclass
class SecretSource:
    """Gives the secret, or raises the error that stands in its place; counts reads and keeps background faults."""

    secret: KeySecret | SecretUnavailable = field(default_factory=lambda: KeySecret(SECRET))
    now: float = 10_000.0
    reads: int = 0
    faults: list[NextItemError] = field(default_factory=list)

    def read(self) -> KeySecret:
        self.reads += 1
        if isinstance(self.secret, SecretUnavailable):
            raise self.secret
        return self.secret

    def ring(self) -> KeyRing:
        """Keys of a process that has not read the secret."""
        return KeyRing(self.read, TTL, self.faults.append, lambda: self.now)

    def loaded_ring(self) -> KeyRing:
        """Keys of a process that reads the secret now."""
        ring = self.ring()
        ring.secret.load()
        return ring


def wait_for_readers() -> None:
    """Wait until no thread reads a secret."""
    for thread in threading.enumerate():
        if thread.name == "secret":
            thread.join(PATIENCE_SECONDS)

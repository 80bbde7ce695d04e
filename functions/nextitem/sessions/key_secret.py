"""The deployment's key secret: its parts and their checks."""

import hashlib
import hmac
import math

import msgspec

MIN_SECRET_CHARS = 16
LAKE = b"event lake"
"""The message whose HMAC is the lake's key. The first rotation writes that key into the secret."""
REFERENCES = ("arn:", "{")
"""Prefixes of texts that are not the secret itself: an ARN, an unresolved ``{{resolve:...}}``, or JSON."""


class KeySecret(msgspec.Struct, frozen=True):
    """The deployment's HMAC secret, and the previous one.

    Attributes:
        current: for all sessions, once the last rotation has taken effect.
        previous: for all sessions until then; None if there was no rotation.
        rotated_at: when the rotation takes effect, in epoch seconds; None if unknown, but in the past.
        lake: the key of the pseudonyms in the event lake, which a rotation keeps; None before the first rotation.
    """

    current: bytes
    previous: bytes | None = None
    rotated_at: float | None = None
    lake: bytes | None = None

    @property
    def lake_key(self) -> bytes:
        """The key of the pseudonyms in the event lake. A session has one name there, also after rotations."""
        return self.lake or hmac.digest(self.current, LAKE, hashlib.sha256).hex().encode()

    @classmethod
    def of(
        cls, current: object, previous: object = None, rotated_at: object = None, lake: object = None
    ) -> "KeySecret":
        """Check the parts and return the secret. `operations.rotate_secret` accepts the same.

        Raises:
            ValueError: a secret is no text, too short, blank or a reference to one, or `rotated_at` is not a number.
                The error quotes none of them.
        """
        moment = None if rotated_at is None else _finite_number(rotated_at)
        lake_key = None if lake is None else _encode(lake)
        return cls(_encode(current), None if previous is None else _encode(previous), moment, lake_key)


def _encode(text: object) -> bytes:
    if not isinstance(text, str) or len(text) < MIN_SECRET_CHARS:
        raise ValueError(f"a key secret must be text of {MIN_SECRET_CHARS} characters or more")
    if not text.strip():
        raise ValueError("a key secret must not be blank")
    if text.startswith(REFERENCES):
        raise ValueError("a key secret must be the secret itself, not an ARN, a reference or JSON")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError("a key secret must be valid Unicode") from None


def _finite_number(value: object) -> float:
    # Without text: a rotation that took the text of a future time for none would drop the secret in use.
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise ValueError("rotated_at of the key secret is not a finite number")

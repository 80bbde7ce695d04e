"""The deployment's key secret: its parts and their checks."""

import math

import msgspec

MIN_SECRET_CHARS = 16
REFERENCES = ("arn:", "{")
"""Prefixes of texts that are not the secret itself: an ARN, an unresolved ``{{resolve:...}}``, or JSON."""


class KeySecret(msgspec.Struct, frozen=True):
    """The deployment's HMAC secret, and the previous one.

    Attributes:
        current: for all sessions, once the last rotation has taken effect.
        previous: for all sessions until then; None if there was no rotation.
        rotated_at: when the rotation takes effect, in epoch seconds; None if unknown, but in the past.
    """

    current: bytes
    previous: bytes | None = None
    rotated_at: float | None = None

    @classmethod
    def of(cls, current: str, previous: str | None = None, rotated_at: float | None = None) -> "KeySecret":
        """Check the parts and return the secret.

        Raises:
            ValueError: a secret is too short or a reference to one, or `rotated_at` is not a time.
            TypeError, AttributeError: a part has another type.
        """
        for text in (current, previous):
            if text is not None and len(text) < MIN_SECRET_CHARS:
                raise ValueError(f"a key secret must have {MIN_SECRET_CHARS} characters or more")
            if text is not None and not text.strip():
                raise ValueError("a key secret must not be blank")
            if text is not None and text.startswith(REFERENCES):
                raise ValueError("a key secret must be the secret itself, not an ARN, a reference or JSON")
        try:
            time = None if rotated_at is None else float(rotated_at)
        except OverflowError:
            time = math.inf
        if time is not None and not math.isfinite(time):
            raise ValueError("rotated_at of the key secret is not a finite number")
        return cls(current.encode(), None if previous is None else previous.encode(), time)

"""The deployment's key secret, as settings or Secrets Manager have it. Knows no session."""

import math

import msgspec

MIN_SECRET_CHARS = 16


class KeySecret(msgspec.Struct, frozen=True):
    """The deployment's HMAC secret, and the one before it.

    Attributes:
        current: for every session, from the moment of the last rotation on.
        previous: for every session until that moment, or None where there was no rotation.
        rotated_at: epoch seconds of that moment, or None if it is not known: then it is past.
    """

    current: bytes
    previous: bytes | None = None
    rotated_at: float | None = None

    @classmethod
    def of(cls, current: str, previous: str | None = None, rotated_at: float | None = None) -> "KeySecret":
        """Return the secret from its texts.

        Raises:
            ValueError: a secret is too short, or the moment of the rotation is no moment.
            TypeError, AttributeError: one of them is not what its type says.
        """
        for one in (current, previous):
            if one is not None and len(one) < MIN_SECRET_CHARS:
                raise ValueError(f"a key secret has {MIN_SECRET_CHARS} characters or more")
        try:
            moment = None if rotated_at is None else float(rotated_at)
        except OverflowError:
            moment = math.inf
        if moment is not None and not math.isfinite(moment):
            raise ValueError("rotated_at of the key secret is not a finite number")
        return cls(current.encode(), None if previous is None else previous.encode(), moment)

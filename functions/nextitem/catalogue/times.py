"""Times of a catalogue: milliseconds since 1970 in the file, ISO 8601 in JSON."""

from datetime import UTC, datetime, timedelta

from nextitem.errors import InputError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
MIN_MS = float((datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND)
MAX_MS = float((datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC) - _EPOCH) // _MILLISECOND)


def iso_8601(milliseconds: float) -> str:
    """Return a time as a text such as ``2026-01-31T09:30:00Z``; milliseconds are there if there are any."""
    time = _EPOCH + int(milliseconds) * _MILLISECOND
    spec = "milliseconds" if time.microsecond else "seconds"
    return time.replace(tzinfo=None).isoformat(timespec=spec) + "Z"


def parse_iso_8601(text: str) -> float:
    """Return the milliseconds since 1970 of a text of ISO 8601; without a zone it is UTC.

    Raises:
        InputError: it is no such text.
    """
    try:
        time = datetime.fromisoformat(text)
        aware = time.replace(tzinfo=UTC) if time.tzinfo is None else time
        return float((aware - _EPOCH) // _MILLISECOND)
    except (ValueError, OverflowError):
        raise InputError(f"{text!r} is not a time of ISO 8601, such as 2026-01-31 or 2026-01-31T09:30:00Z") from None

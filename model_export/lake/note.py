"""The collector's note: what a run leaves for the next one, and until when the lake has everything.

It is an object of its own: the stream at which the next run begins, each stream's count of lost entries, which the
store only ever adds up, how many were found to be lost on each day, which a retraining reads, and the time until which
the lake is complete, which looks and measurements of drift read.
"""

from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from model_export.lake.events import LakeFiles
from nextitem.errors import RegistryUnavailable

NOTE = "lake-state/collector.json"
MAX_NOTE_BYTES = 1 << 20


class Note(msgspec.Struct, frozen=True):
    """What a run leaves for the next one.

    Attributes:
        first: the stream at which that begins.
        lost: entries that each stream has lost so far, by stream.
        by_day: entries found to be lost, by UTC day, such as ``2026-01-31``; only days with some.
        collected: by stream, the time until which its entries are in the lake, in epoch milliseconds of the store's
            clock; lost and unreadable ones never will be.
        complete_until: the earliest of these; None until each stream was collected once.
    """

    first: int = 0
    lost: dict[int, int] = {}
    by_day: dict[str, int] = {}
    collected: dict[int, int] = {}
    complete_until: int | None = None


def parse_note(data: bytes | None) -> Note:
    """Parse a note; without one, return that of a collector that has not run yet.

    Raises:
        RegistryUnavailable: it has another form.
    """
    if data is None:
        return Note()
    try:
        return msgspec.json.decode(data, type=Note)
    except msgspec.DecodeError as error:
        raise RegistryUnavailable(f"{NOTE} is not a note of the collector: {error}; delete it") from None


def read_note(lake: LakeFiles) -> Note:
    """Return the collector's note of a lake.

    Raises:
        RegistryError: the lake cannot be read, or its note is not the collector's.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "note.json"
        is_there = lake.download(NOTE, path, lambda: MAX_NOTE_BYTES)
        return parse_note(path.read_bytes() if is_there else None)


def complete_until(lake: LakeFiles) -> datetime | None:
    """Return the time until which the lake has all events that arrived; None if it is unknown.

    Read it before the files of the lake: those that are read after it have at least what it promises.

    Raises:
        RegistryError: the lake cannot be read, or its note is not the collector's.
    """
    until = read_note(lake).complete_until
    return None if until is None else datetime.fromtimestamp(until / 1000, UTC)


def lost_since(lake: LakeFiles, day: date) -> int:
    """Return how many entries the collector has found to be lost on a UTC day or later.

    Raises:
        RegistryError: the lake cannot be read, or its note is not the collector's.
    """
    return sum(count for each, count in read_note(lake).by_day.items() if each >= day.isoformat())

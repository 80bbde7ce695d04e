"""Collect all streams in a limited time, go on where the last run stopped, and count what is new among the lost.

The note of a run is an object of its own: the stream at which the next run begins, each stream's count of lost entries,
which the store only ever adds up, and how many were found to be lost on each day, which a retraining reads.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

import msgspec

from model_export.lake.collector import Collected, MergedFiles, Streams, collect
from nextitem.aws.object_store import ObjectReader, ObjectStore, StoredObject
from nextitem.errors import RegistryUnavailable, StoreUnavailable

NOTE = "lake-state/collector.json"
MAX_NOTE_BYTES = 1 << 20
KEPT_DAYS = 400
"""Days of losses that the note keeps: more than any training learns from."""
MAX_FAILURES = 3
"""After so many streams in a row whose server did not answer, a run ends: each costs seconds."""

logger = logging.getLogger(__name__)


class Note(msgspec.Struct, frozen=True):
    """What a run leaves for the next one.

    Attributes:
        first: the stream at which that begins.
        lost: entries that each stream has lost so far, by stream.
        by_day: entries found to be lost, by UTC day, such as ``2026-01-31``; only days with some.
    """

    first: int = 0
    lost: dict[int, int] = {}
    by_day: dict[str, int] = {}


def lost_since(lake: ObjectReader, day: date) -> int:
    """Return how many entries the collector has found to be lost on a UTC day or later.

    Raises:
        RegistryUnavailable: the lake's bucket did not answer, or its note is not the collector's.
    """
    note = _parse(lake.read(NOTE, MAX_NOTE_BYTES))
    return sum(count for each, count in note.by_day.items() if each >= day.isoformat())


def collect_round(
    streams: Streams,
    lake: ObjectStore,
    buckets: int,
    *,
    is_over: Callable[[], bool],
    report: Callable[[Mapping[str, int]], None],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> dict[str, int]:
    """Collect every stream once, or as many as the time allows.

    Args:
        streams: the buckets' streams.
        lake: the lake's bucket.
        buckets: their number.
        is_over: whether no further stream may begin.
        report: takes the counts before the note is written: losses of a run that dies in between are reported twice,
            never not at all.
        now: the clock.

    Returns:
        The counts: events, deletions and unreadable entries that are new, entries newly known to be lost, and streams
        that are left for the next run.

    Raises:
        StoreUnavailable: no stream could be read.
        RegistryUnavailable: the lake's bucket did not answer, or has a file that is not the lake's.
    """
    stored = lake.read(NOTE, MAX_NOTE_BYTES)
    note = _parse(stored)
    total, lost, reached, failures = Collected(), dict(note.lost), 0, list[StoreUnavailable]()
    in_a_row, merged = 0, MergedFiles(lake)
    while reached < buckets and in_a_row < MAX_FAILURES and not is_over():
        stream = (note.first + reached) % buckets
        reached += 1
        try:
            collected = collect(streams, lake, stream, merged)
        except StoreUnavailable as error:
            logger.warning("stream %d is left for the next run: %s", stream, error)
            failures.append(error)
            in_a_row += 1
        else:
            in_a_row = 0
            total += collected
            lost[stream] = collected.lost
    if failures and len(failures) == reached:
        raise failures[-1]
    newly_lost = sum(max(count - note.lost.get(stream, 0), 0) for stream, count in lost.items())
    counts = {
        "lake_events": total.events,
        "lake_deletions": total.deletions,
        "lake_unreadable": total.unreadable,
        "lake_lost": newly_lost,
        "lake_streams_left": buckets - reached + len(failures),
    }
    report(counts)
    by_day = _with(note.by_day, now(), newly_lost)
    _write(lake, stored, Note((note.first + reached) % buckets, lost, by_day))
    return counts


def _with(by_day: Mapping[str, int], now: datetime, lost: int) -> dict[str, int]:
    """Return the losses by day with those of a run."""
    today = now.astimezone(UTC).date().isoformat()
    days = {**by_day, today: by_day.get(today, 0) + lost} if lost else dict(by_day)
    return dict(sorted(days.items())[-KEPT_DAYS:])


def _parse(stored: StoredObject | None) -> Note:
    if stored is None:
        return Note()
    try:
        return msgspec.json.decode(stored.data, type=Note)
    except msgspec.DecodeError as error:
        raise RegistryUnavailable(f"{NOTE} is not a note of the collector: {error}; delete it") from None


def _write(lake: ObjectStore, stored: StoredObject | None, note: Note) -> None:
    """Write the note, unless another run has done so meanwhile: its count of lost entries is as good."""
    data = msgspec.json.encode(note)
    if not (lake.create(NOTE, data) if stored is None else lake.replace(NOTE, data, stored.etag)):
        logger.info("another run has written %s", NOTE)

"""Collect all streams in a limited time, go on where the last run stopped, and count what is new among the lost.

The note of a run is an object of its own: the stream at which the next run begins, and each stream's count of lost
entries, which the store only ever adds up.
"""

import logging
from collections.abc import Callable, Mapping

import msgspec

from model_export.lake.collector import Collected, Streams, collect
from nextitem.aws.object_store import ObjectStore, StoredObject
from nextitem.errors import RegistryUnavailable, StoreUnavailable

NOTE = "lake-state/collector.json"
MAX_NOTE_BYTES = 1 << 20
MAX_FAILURES = 3
"""After so many streams in a row whose server did not answer, a run ends: each costs seconds."""

logger = logging.getLogger(__name__)


class Note(msgspec.Struct, frozen=True):
    """What a run leaves for the next one.

    Attributes:
        first: the stream at which that begins.
        lost: entries that each stream has lost so far, by stream.
    """

    first: int = 0
    lost: dict[int, int] = {}


def collect_round(
    streams: Streams,
    lake: ObjectStore,
    buckets: int,
    *,
    is_over: Callable[[], bool],
    report: Callable[[Mapping[str, int]], None],
) -> dict[str, int]:
    """Collect every stream once, or as many as the time allows.

    Args:
        streams: the buckets' streams.
        lake: the lake's bucket.
        buckets: their number.
        is_over: whether no further stream may begin.
        report: takes the counts before the note is written: losses of a run that dies in between are reported twice,
            never not at all.

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
    in_a_row = 0
    while reached < buckets and in_a_row < MAX_FAILURES and not is_over():
        stream = (note.first + reached) % buckets
        reached += 1
        try:
            collected = collect(streams, lake, stream)
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
    counts = {
        "lake_events": total.events,
        "lake_deletions": total.deletions,
        "lake_unreadable": total.unreadable,
        "lake_lost": sum(max(count - note.lost.get(stream, 0), 0) for stream, count in lost.items()),
        "lake_streams_left": buckets - reached + len(failures),
    }
    report(counts)
    _write(lake, stored, Note((note.first + reached) % buckets, lost))
    return counts


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

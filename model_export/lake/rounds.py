"""Collect all streams in a limited time, go on where the last run stopped, and count what is new among the lost.

A stream's entries are in the lake up to the time at which its collection began: all that waited then were collected,
and the store gives entries the time of their arrival. The earliest time of all streams is that of the lake (`note`).
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec

from model_export.lake.collector import Collected, MergedFiles, Streams, collect
from model_export.lake.note import MAX_NOTE_BYTES, NOTE, Note, parse_note
from model_export.lake.parquet import CLOCK_MARGIN_MS
from nextitem.aws.object_store import ObjectStore, StoredObject
from nextitem.errors import RegistryUnavailable, StoreUnavailable

KEPT_DAYS = 400
"""Days of losses that the note keeps: more than any training learns from."""
MAX_FAILURES = 3
"""After so many streams in a row whose server, or whose bucket, did not answer, a run ends: each costs seconds."""

logger = logging.getLogger(__name__)


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
        StoreUnavailable: no stream could be collected.
        RegistryUnavailable: the lake's bucket did not answer. A damaged file stops its own stream only.
    """
    stored = lake.read(NOTE, MAX_NOTE_BYTES)
    note = parse_note(None if stored is None else stored.data)
    total, lost, reached, failures = Collected(), dict(note.lost), 0, list[StoreUnavailable | RegistryUnavailable]()
    times, in_a_row, merged = dict(note.collected), 0, MergedFiles(lake)
    while reached < buckets and in_a_row < MAX_FAILURES and not is_over():
        stream = (note.first + reached) % buckets
        reached += 1
        try:
            began = streams.now(stream)  # before the collection: what arrives later may wait for the next run
            collected = collect(streams, lake, stream, merged)
        except (StoreUnavailable, RegistryUnavailable) as error:  # of its server, or of a damaged file: go on
            logger.warning("stream %d is left for the next run: %s", stream, error)
            failures.append(error)
            in_a_row += 1
        else:
            in_a_row = 0
            total += collected
            lost[stream] = collected.lost
            times[stream] = began - CLOCK_MARGIN_MS  # a server that takes over may have an earlier clock
    first = (note.first + reached) % buckets
    if failures and len(failures) == reached:
        _write(lake, stored, msgspec.structs.replace(note, first=first))  # else the next run would try the same ones
        raise failures[-1]
    newly_lost = sum(lost_after(note.lost.get(stream, 0), count) for stream, count in lost.items())
    counts = {
        "lake_events": total.events,
        "lake_deletions": total.deletions,
        "lake_unreadable": total.unreadable,
        "lake_lost": newly_lost,
        "lake_streams_left": buckets - reached + len(failures),
    }
    report(counts)
    by_day = _with(note.by_day, now(), newly_lost)
    all_times = [times.get(stream) for stream in range(buckets)]
    known = [time for time in all_times if time is not None]
    complete = min(known) if len(known) == buckets else None
    _write(lake, stored, Note(first, lost, by_day, times, complete))
    return counts


def lost_after(before: int, count: int) -> int:
    """Return how many entries streams have lost since an earlier count.

    A store that was emptied counts from 0 again: all that it says by then is new. A server that took over without the
    newest count looks like that, too, so that losses are reported twice then, never not at all.
    """
    return count if count < before else count - before


def _with(by_day: Mapping[str, int], now: datetime, lost: int) -> dict[str, int]:
    """Return the losses by day with those of a run."""
    today = now.astimezone(UTC).date().isoformat()
    days = {**by_day, today: by_day.get(today, 0) + lost} if lost else dict(by_day)
    return dict(sorted(days.items())[-KEPT_DAYS:])


def _write(lake: ObjectStore, stored: StoredObject | None, note: Note) -> None:
    """Write the note, unless another run has done so meanwhile: what that says of the lake is true as well."""
    data = msgspec.json.encode(note)
    if not (lake.create(NOTE, data) if stored is None else lake.replace(NOTE, data, stored.etag)):
        logger.info("another run has written %s", NOTE)

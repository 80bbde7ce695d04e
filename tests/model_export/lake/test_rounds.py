"""A round reaches every stream sooner or later, whatever stops it, and says each loss once."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

import pytest

from model_export.lake.note import NOTE, Note, complete_until, lost_since, read_note
from model_export.lake.parquet import Contents
from model_export.lake.records import Entry
from model_export.lake.rounds import MAX_FAILURES, collect_round
from nextitem.errors import NextItemError, RegistryUnavailable, StoreUnavailable
from tests.nextitem.memory_bucket import MemoryBucket

BUCKETS = 5
NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)


class EmptyStreams:
    """Streams without entries, which may have lost some.

    Attributes:
        read_streams: those that were read, in order.
        clock: of the server, in milliseconds; each question for it, and each read, takes a second.
    """

    batch = 1

    def __init__(
        self,
        lost: Mapping[int, int] | None = None,
        broken: Sequence[int] = (),
        error: type[NextItemError] = StoreUnavailable,
    ) -> None:
        self._lost, self._broken, self._error = dict(lost or {}), broken, error
        self.read_streams: list[int] = []
        self.clock = 100_000

    def now(self, bucket: int) -> int:
        assert bucket < BUCKETS
        self.clock += 1_000
        return self.clock

    def read(self, bucket: int) -> tuple[str, Sequence[Entry]] | None:
        self.read_streams.append(bucket)
        self.clock += 1_000
        if bucket in self._broken:
            raise self._error("no answer")
        return None

    def finish(self, bucket: int, begun: str, contents: Contents) -> None:
        raise AssertionError((bucket, begun, contents))

    def tombstones(self, bucket: int) -> Sequence[Entry]:
        assert bucket < BUCKETS
        return ()

    def finish_tombstones(self, bucket: int, last: str) -> int:
        raise AssertionError((bucket, last))

    def lost(self, bucket: int) -> int:
        return self._lost.get(bucket, 0)


def play(streams: EmptyStreams, bucket: MemoryBucket, calls: int = BUCKETS, now: datetime = NOW) -> dict[str, int]:
    """Run a round that has time for a number of streams; return what it reports."""
    reports: list[Mapping[str, int]] = []
    left = iter([False] * calls)
    result = collect_round(
        streams,
        bucket,
        BUCKETS,
        is_over=lambda: next(left, True),
        report=reports.append,
        now=lambda: now,
    )
    assert reports == [result]
    return result


def test_a_run_goes_on_where_the_last_one_ran_out_of_time() -> None:
    bucket, streams = MemoryBucket(), EmptyStreams()
    left = [play(streams, bucket, calls=2)["lake_streams_left"] for _ in range(3)]
    assert left == [3, 3, 3]
    assert streams.read_streams == [0, 1, 2, 3, 4, 0]


def test_the_lake_is_complete_until_the_earliest_begin_of_a_stream() -> None:
    # GIVEN runs that reach two streams each; a stream takes two seconds, and has its time before it is read
    bucket, streams = MemoryBucket(), EmptyStreams()
    play(streams, bucket, calls=2)
    play(streams, bucket, calls=2)
    assert complete_until(bucket) is None  # one stream may have anything
    # WHEN all five were reached THEN the first one's time counts, less a second for a server that takes over
    play(streams, bucket, calls=2)
    assert complete_until(bucket) == datetime.fromtimestamp(102, UTC)  # stream 1; stream 0 was read again at 111
    # AND a stream that cannot be read holds it
    broken = EmptyStreams(broken=[1])
    broken.clock = 1_000_000
    play(broken, bucket)
    assert complete_until(bucket) == datetime.fromtimestamp(102, UTC)
    play(streams, bucket)
    assert complete_until(bucket) == datetime.fromtimestamp(112, UTC)


def test_a_loss_is_reported_once() -> None:
    bucket = MemoryBucket()
    assert play(EmptyStreams({1: 3}), bucket)["lake_lost"] == 3
    assert play(EmptyStreams({1: 3}), bucket)["lake_lost"] == 0
    assert play(EmptyStreams({1: 4, 2: 2}), bucket)["lake_lost"] == 3
    assert play(EmptyStreams(), bucket)["lake_lost"] == 0  # the store was emptied: its count begins again
    assert play(EmptyStreams({1: 1}), bucket)["lake_lost"] == 1
    assert play(EmptyStreams({1: 9}), bucket)["lake_lost"] == 8
    assert play(EmptyStreams({1: 2}), bucket)["lake_lost"] == 2  # it was emptied, and has lost some since


def test_a_retraining_reads_the_losses_of_its_days() -> None:
    bucket = MemoryBucket()
    assert lost_since(bucket, date(2026, 1, 1)) == 0
    for day, lost in ((1, 3), (1, 5), (2, 5), (4, 9)):
        play(EmptyStreams({1: lost}), bucket, now=datetime(2026, 1, day, 23, 59, tzinfo=UTC))
    assert [lost_since(bucket, date(2026, 1, day)) for day in (1, 2, 4, 5)] == [9, 4, 4, 0]


def test_a_loss_of_a_run_that_dies_before_its_note_is_reported_again() -> None:
    bucket = MemoryBucket()

    def die(_counts: Mapping[str, int]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect_round(EmptyStreams({0: 1}), bucket, BUCKETS, is_over=lambda: False, report=die)
    assert play(EmptyStreams({0: 1}), bucket)["lake_lost"] == 1


@pytest.mark.parametrize("error", [StoreUnavailable, RegistryUnavailable])
def test_a_stream_of_a_server_that_is_down_or_with_a_damaged_file_is_left_and_the_others_collected(
    error: type[NextItemError],
) -> None:
    bucket, streams = MemoryBucket(), EmptyStreams(broken=[1], error=error)
    result = play(streams, bucket)
    assert streams.read_streams == [0, 1, 2, 3, 4]
    assert result["lake_streams_left"] == 1


def test_streams_that_fail_in_a_row_do_not_keep_the_next_run_from_the_others() -> None:
    bucket, streams = MemoryBucket(), EmptyStreams(broken=range(MAX_FAILURES))
    with pytest.raises(StoreUnavailable):
        play(streams, bucket)
    assert play(streams, bucket, calls=BUCKETS - MAX_FAILURES)["lake_streams_left"] == MAX_FAILURES
    assert streams.read_streams == [*range(BUCKETS)]


@pytest.mark.parametrize("error", [StoreUnavailable, RegistryUnavailable])
def test_without_a_store_or_a_bucket_a_run_fails_after_some_streams(error: type[NextItemError]) -> None:
    bucket, streams = MemoryBucket(), EmptyStreams(broken=range(BUCKETS), error=error)
    with pytest.raises(error):
        play(streams, bucket)
    assert len(streams.read_streams) == MAX_FAILURES
    assert read_note(bucket) == Note(first=MAX_FAILURES)


def test_a_note_of_another_form_is_no_reason_to_forget_losses() -> None:
    bucket = MemoryBucket()
    bucket.create(NOTE, b'{"first": "one"}')
    with pytest.raises(RegistryUnavailable, match="delete it"):
        play(EmptyStreams(), bucket)

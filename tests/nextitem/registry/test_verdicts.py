"""Verdicts beside versions, and what they let a version do."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from nextitem.errors import ArtifactCorrupt, ArtifactUnsupported, NotJudged
from nextitem.registry.publisher import Publisher
from nextitem.registry.route import Route
from nextitem.registry.verdicts import (
    Bound,
    Figure,
    JudgedEvents,
    Verdict,
    decode_verdict,
    encode_verdict,
    read_verdict,
    verdict_key,
    write_verdict,
)
from tests.nextitem.memory_bucket import MemoryBucket
from tests.nextitem.publishers import CertifiedPublisher

LIVE, NEW, OTHER = (f"v{digit * 16}" for digit in "abc")
PASSED = Verdict(
    version=NEW,
    reference=LIVE,
    route="live",
    judged_at="2026-11-29T12:00:00+00:00",
    passed=True,
    reason="It is better.",
    events=JudgedEvents(since=1.0, until=2.0, sessions=3, targets=4, left_out=0, data_sha256="ab" * 32),
    figures={"hr@20": Figure(0.5, 0.4, 0.6), "megabytes": Figure(1.5)},
    reference_figures={"hr@20": Figure(0.4, 0.3, 0.5)},
    differences={"hr@20": Figure(0.1, 0.05, 0.15)},
    bounds=(Bound("hr@20", "relative change", 0.125, "at least", -0.05, True),),
)


@pytest.fixture
def bucket() -> MemoryBucket:
    return MemoryBucket()


@pytest.fixture
def publisher(bucket: MemoryBucket) -> Publisher:
    """A publisher of a route with a live version; the first promotion needs no verdict."""
    publisher = CertifiedPublisher(bucket, now=lambda: datetime(2026, 11, 29, tzinfo=UTC))
    publisher.promote(LIVE, Path())
    return publisher


def current(publisher: Publisher) -> Route:
    route = publisher.current()
    assert route is not None
    return route


def store(bucket: MemoryBucket, data: bytes) -> None:
    bucket.objects[verdict_key(NEW)] = data


def test_a_verdict_is_written_and_read_and_may_change(bucket: MemoryBucket) -> None:
    assert read_verdict(bucket, NEW) is None
    for verdict in (PASSED, msgspec.structs.replace(PASSED, passed=False, events=None)):
        write_verdict(bucket, verdict)
        assert read_verdict(bucket, NEW) == verdict
    assert decode_verdict(encode_verdict(PASSED), "key") == PASSED


def test_a_document_that_is_no_verdict_is_refused() -> None:
    for data in (b"", b"[]", b'{"schema": 1}', b'{"schema": "1"}'):
        with pytest.raises(ArtifactCorrupt, match="`nextitem gate` writes it again"):
            decode_verdict(data, "key")
    with pytest.raises(ArtifactUnsupported, match="has verdict schema 2"):
        decode_verdict(b'{"schema": 2}', "key")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, f"{NEW} has no verdict beside the live version {LIVE}: `nextitem gate {NEW}` compares"),
        (
            encode_verdict(msgspec.structs.replace(PASSED, passed=False, reason="It is worse.")),
            f"{NEW} did not pass the gate: It is worse",
        ),
        (encode_verdict(msgspec.structs.replace(PASSED, reference=OTHER)), f"was compared with {OTHER}, but {LIVE} is"),
        (encode_verdict(msgspec.structs.replace(PASSED, reference=None)), "was compared with best sellers"),
        (
            encode_verdict(msgspec.structs.replace(PASSED, judged_at="2026-11-14T00:00:00+00:00")),
            f"the verdict on {NEW} beside {LIVE} is 15 days old, and counts for 14: `nextitem gate {NEW}` compares",
        ),
        (encode_verdict(msgspec.structs.replace(PASSED, judged_at="yesterday")), "does not say when it was made"),
        (b"{}", "is no verdict"),
        (b'{"schema": 2}', "has verdict schema 2"),
    ],
    ids=["missing", "refused", "of another", "of best sellers", "old", "without a time", "damaged", "newer"],
)
def test_without_a_passing_verdict_a_version_takes_no_traffic(
    data: bytes | None, message: str, publisher: Publisher, bucket: MemoryBucket
) -> None:
    if data is not None:
        store(bucket, data)
    before = current(publisher)
    with pytest.raises(NotJudged, match=message):
        publisher.promote(NEW, Path())
    with pytest.raises(NotJudged, match=message):
        publisher.start_experiment(NEW, 0.05, Path())
    assert current(publisher) == before

    # An override gets the reason before the route is changed
    reasons: list[tuple[int, str]] = []

    def override(reason: str) -> None:
        reasons.append((current(publisher).revision, reason))

    publisher.start_experiment(NEW, 0.05, Path(), override=override)
    publisher.end_experiment(_running(publisher), Path(), promote=False)
    publisher.promote(NEW, Path(), override=override)
    assert [revision for revision, _ in reasons] == [1, 3]
    assert all(message in reason for _, reason in reasons)
    assert current(publisher).champion.version == NEW


def _running(publisher: Publisher) -> str:
    experiment = current(publisher).experiment
    assert experiment is not None
    return experiment.experiment


def test_a_verdict_counts_for_two_weeks(publisher: Publisher, bucket: MemoryBucket) -> None:
    write_verdict(bucket, msgspec.structs.replace(PASSED, judged_at="2026-11-15T00:00:00"))
    publisher.promote(NEW, Path())
    assert current(publisher).champion.version == NEW


def test_with_a_passing_verdict_it_takes_traffic(publisher: Publisher, bucket: MemoryBucket) -> None:
    write_verdict(bucket, PASSED)

    def never(reason: str) -> None:
        raise AssertionError(reason)

    publisher.start_experiment(NEW, 0.05, Path(), override=never)
    # A challenger was judged before it began
    del bucket.objects[verdict_key(NEW)]
    publisher.promote(NEW, Path())
    # A rollback needs none, nor does the live version with another setting
    publisher.rollback(Path())
    assert current(publisher).champion.version == LIVE
    assert publisher.promote(LIVE, Path(), exclude_seen=True).exclude_seen is True

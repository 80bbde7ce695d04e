"""What the mirror in MLflow says of a registry."""

from pathlib import Path

from devstack.publish import demo_artifact, earlier_artifact
from model_export.tracking.entries import MAX_TAG, mirrored
from nextitem.registry.publisher import PublishedVersion, Publisher
from nextitem.registry.verdicts import Figure, Verdict
from tests.model_export.tracking.registry import judge, put
from tests.nextitem.memory_bucket import MemoryBucket
from tests.nextitem.publishers import TrustingPublisher

DEMO, EARLIER = demo_artifact().name, earlier_artifact().name


def test_aliases_are_those_of_the_route(tmp_path: Path) -> None:
    bucket = MemoryBucket()
    put(bucket, demo_artifact())
    put(bucket, earlier_artifact())
    publisher = TrustingPublisher(bucket, "live")

    def aliases() -> dict[str, str]:
        return mirrored("shop", publisher.versions(), publisher.current()).aliases

    assert aliases() == {}
    publisher.promote(DEMO, tmp_path)
    assert aliases() == {"champion": DEMO}
    publisher.start_experiment(EARLIER, 0.1, tmp_path)
    assert aliases() == {"champion": DEMO, "challenger": EARLIER}


def test_a_version_has_its_verdict_in_tags_and_metrics() -> None:
    # GIVEN a version that was judged
    bucket = MemoryBucket()
    put(bucket, demo_artifact())
    publisher = Publisher(bucket)
    [unjudged] = mirrored("shop", publisher.versions(), None).entries
    judge(bucket, DEMO, EARLIER, passed=False, hr=0.25)
    [entry] = mirrored("shop", publisher.versions(), None).entries
    # THEN the same tags have other values, and the figure is a metric
    assert unjudged.tags.keys() == entry.tags.keys()
    assert (unjudged.tags["nextitem.verdict"], entry.tags["nextitem.verdict"]) == ("none", "failed")
    assert entry.tags["nextitem.verdict.reference"] == EARLIER
    assert entry.metrics.keys() - unjudged.metrics.keys() == {"gate/hr_at_20"}
    assert entry.source == f"s3://shop/models/{DEMO}/"


def test_a_long_reason_fits_a_tag() -> None:
    bucket = MemoryBucket()
    put(bucket, demo_artifact())
    [published] = Publisher(bucket).versions()
    figures = {"hr@20": Figure(0.5)}
    verdict = Verdict(DEMO, None, "live", "", True, "x" * (MAX_TAG + 1), None, figures, figures, {}, ())
    [entry] = mirrored("shop", [PublishedVersion(DEMO, published.manifest, 0.0, verdict)], None).entries
    assert len(entry.tags["nextitem.verdict.reason"]) == MAX_TAG
    assert entry.tags["nextitem.verdict.reference"] == "best sellers"
    assert entry.metrics["gate/reference/hr_at_20"] == 0.5

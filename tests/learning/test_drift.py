"""The function that measures drift, on the demo's model and a day of its shop."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from devstack.publish import demo_artifact
from learning import drift
from model_export.drift.report import DriftReport
from model_export.simulator import Shop
from nextitem.model.manifest import WEIGHTS
from nextitem.registry.publisher import Publisher
from nextitem.registry.reader import model_key
from nextitem.telemetry.metrics import DRIFT_PSI
from tests.model_export.drift.shops import lake_of, live_records
from tests.nextitem.memory_bucket import MemoryBucket


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> MemoryBucket:
    """The bucket of the function."""
    monkeypatch.setenv("NEXTITEM_BUCKET", "models")
    monkeypatch.setenv("NEXTITEM_STACK", "shop")
    bucket = MemoryBucket()
    monkeypatch.setattr(drift, "BotoObjectStore", lambda *_, **__: bucket)
    return bucket


def on_the_route(bucket: MemoryBucket, folder: Path) -> str:
    """Put the demo's version on the route, and the events of a day into the lake; return the version."""
    publisher = Publisher(bucket)
    version = publisher.publish(demo_artifact())
    publisher.promote(version, folder / "models")
    lake_of(folder, live_records(Shop(), 200, 2, version, end=datetime.now(UTC) - timedelta(hours=1)))
    for path in (folder / "lake").rglob("*.parquet"):
        bucket.objects[str(path.relative_to(folder))] = path.read_bytes()
    return version


@pytest.mark.slow
def test_a_report_with_scores_is_kept_and_its_figures_are_emitted(
    bucket: MemoryBucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN the demo's version on the route, and the events of the last day
    version = on_the_route(bucket, tmp_path)
    # WHEN the function is called
    answer = drift.handler({}, None)
    # THEN the report is in the bucket, with the scores of first recommendations
    [key] = bucket.keys("drift/")
    report = msgspec.json.decode(bucket.objects[key], type=DriftReport)
    assert answer == {"version": version, "level": report.level}
    [scores] = [measure for measure in report.measures if measure.name == "top scores"]
    assert (scores.skipped, scores.bins > 1) == ("", True)
    # AND its figures are metrics of the stack
    record = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (record["stack"], record["model_version"], record[DRIFT_PSI.name]) == ("shop", version, report.notified)


@pytest.mark.slow
def test_a_damaged_model_costs_the_report_its_scores_only(
    bucket: MemoryBucket, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # GIVEN a live version whose weights S3 has damaged
    version = on_the_route(bucket, tmp_path)
    bucket.objects[model_key(version, WEIGHTS)] = b"damaged"
    # WHEN drift is measured THEN the report has all but the scores, and the log says why
    assert drift.handler({}, None)["version"] == version
    [key] = bucket.keys("drift/")
    report = msgspec.json.decode(bucket.objects[key], type=DriftReport)
    assert report.measure("top scores", "training").skipped == "there are no scores to compare"  # type: ignore[union-attr]  # it is there
    assert not report.measure("items", "training").skipped  # type: ignore[union-attr]  # the same
    assert f"no scores: {version} cannot be run" in caplog.text


def test_a_new_stack_has_nothing_to_measure(bucket: MemoryBucket) -> None:
    assert drift.handler({}, None) == {"level": "none"}
    assert bucket.objects == {}

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
from nextitem.registry.publisher import Publisher
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


@pytest.mark.slow
def test_a_report_with_scores_is_kept_and_its_figures_are_emitted(
    bucket: MemoryBucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN the demo's version on the route, and the events of the last day
    publisher = Publisher(bucket)
    version = publisher.publish(demo_artifact())
    publisher.promote(version, tmp_path / "models")
    lake_of(tmp_path, live_records(Shop(), 200, 2, version, end=datetime.now(UTC) - timedelta(hours=1)))
    for path in (tmp_path / "lake").rglob("*.parquet"):
        bucket.objects[str(path.relative_to(tmp_path))] = path.read_bytes()
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


def test_a_new_stack_has_nothing_to_measure(bucket: MemoryBucket) -> None:
    assert drift.handler({}, None) == {"level": "none"}
    assert bucket.objects == {}

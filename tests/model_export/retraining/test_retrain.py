"""From a lake to a judged version, by the command and by the container's entry point."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import boto3
import msgspec
import pyarrow.parquet as pq
import pytest
from moto import mock_aws

from model_export.experiments.audit import AuditEntry, read_audit
from model_export.lake.note import NOTE, Note
from model_export.lake.records import DELETIONS, EVENTS, Deletion
from model_export.progress import Unwatched
from model_export.retraining import __main__ as container
from model_export.retraining.fetch import fetch_lake
from model_export.retraining.retrain import prepare_lake
from model_export.retraining.settings import PREFIX, LakeSettings, RetrainSettings
from model_export.simulator import Shop
from model_export.simulator.clock import DAY, START
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import InputError
from nextitem.registry.verdicts import read_verdict
from tests.model_export.cli.commandline import done, nextitem
from tests.model_export.retraining.lakes import DAYS, NOW, fill, records_of, shuffled
from tests.nextitem.parts import BUCKET, REGION

SETTINGS = {"min_events": "1000", "min_sessions": "100", "hidden": "32", "epochs": "3", "memory_sessions": "0"}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[BotoObjectStore]:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", REGION),
        ("NEXTITEM_BUCKET", BUCKET),
    ):
        monkeypatch.setenv(name, value)
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield BotoObjectStore(BUCKET, client)
        client.close()


@pytest.mark.slow
def test_a_shop_is_retrained_and_a_model_of_shuffled_sessions_does_not_pass(
    bucket: BotoObjectStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # GIVEN a lake of the last five days, whatever the hour is: a lake that ended at midnight would be stale at eleven
    records = records_of(Shop(products=60), 1500, start=time.time() - DAYS * DAY)
    fill(bucket, records)
    options = [text for name, value in SETTINGS.items() for text in (f"--{name.replace('_', '-')}", value)]

    # WHEN the first version is made
    first = done("retrain", *options, "--out", tmp_path / "first", "--json").document

    # THEN it is better than its best sellers, on a day that it was not trained on, and takes no traffic
    assert first["passed"] is True
    assert first["verdict"]["reference"] is None
    last_day = max(record.arrived_at for record in records) - DAY * 1000
    sessions = {record.session for record in records}
    earlier = {record.session for record in records if record.occurred_at < last_day}
    assert first["verdict"]["events"]["sessions"] == len(sessions - earlier)
    assert first["preparation"]["train"]["sessions"] <= len(earlier)
    [row] = done("versions", "--json").document
    assert (row["version"], row["share"], row["verdict"]["passed"]) == (first["version"], 0.0, True)
    assert "passed" in done("versions").out
    done("promote", first["version"])

    # WHEN another one is trained on sessions whose items are shuffled, and judged on the real last day
    for key in bucket.keys(EVENTS):
        bucket.delete(key)
    before = [record for record in records if record.occurred_at < last_day]
    fill(bucket, [*shuffled(before), *(record for record in records if record.occurred_at >= last_day)])
    for name, value in SETTINGS.items():
        monkeypatch.setenv(PREFIX + name.upper(), value)
    assert container.main() == container.REFUSED

    # THEN it does not pass, and its verdict says why
    second = json.loads(capsys.readouterr().out)
    verdict = read_verdict(bucket, second["version"])
    assert verdict is not None
    assert (verdict.passed, verdict.reference) == (False, first["version"])
    missed = {bound.name for bound in verdict.bounds if not bound.passed}
    assert {"hr@20", "mrr@20"} <= missed
    assert verdict.differences["hr@20"].value < 0
    assert second["verdict"]["reason"] == verdict.reason
    assert verdict.reason.startswith(f"{second['version']} misses {len(missed)} of ")

    # AND no traffic goes to it, unless a person forces it, which is recorded
    refused = nextitem("promote", second["version"])
    assert (refused.code, refused.out) == (1, "")
    assert f"{second['version']} did not pass the gate: {verdict.reason}" in refused.err
    assert _forced(bucket) == []
    forced = done("promote", second["version"], "--force")
    assert f"warning: {second['version']} did not pass the gate" in forced.err
    [entry] = _forced(bucket)
    assert entry.details["version"] == second["version"]
    assert verdict.reason in entry.reason

    # AND the first one proves itself against it on the events of the lake
    # (a garbled model shows less popular items, and this shop has but 60)
    judged = done("gate", first["version"], "--max-popularity-rise", "0.1")
    assert f"{first['version']} passes all 8 bounds" in judged.err
    assert "hr@20" in judged.out
    done("promote", first["version"])
    assert len(_forced(bucket)) == 1


def _forced(bucket: BotoObjectStore) -> list[AuditEntry]:
    return [entry for entry in read_audit(bucket, "live") if entry.what == "forced-promotion"]


@pytest.mark.slow
def test_wrong_events_end_the_run_before_the_training(
    bucket: BotoObjectStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(bucket, records_of(Shop(products=60), 40, start=time.time() - DAYS * DAY))
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert bucket.create(NOTE, msgspec.json.encode(Note(by_day={"2020-01-01": 1_000_000, today: 90})))
    monkeypatch.setenv(f"{PREFIX}MAX_SESSION_SHARE", "0.5")
    assert container.main() == container.BAD_INPUT
    out, err = capsys.readouterr()
    assert out == ""
    assert "break 3 of the contracts, so nothing was trained: (1) there are " in err
    assert "(--min-events)" in err
    assert "(--min-sessions)" in err
    assert "90 events (" in err
    assert bucket.keys("models/") == []


@pytest.mark.slow
def test_a_run_shortly_after_midnight_judges_by_24_hours(tmp_path: Path, bucket: BotoObjectStore) -> None:
    # GIVEN a lake whose newest UTC day has twenty minutes
    midnight = (START + 3 * DAY) * 1000
    records = [each for each in records_of(Shop(products=60), 300) if each.arrived_at < midnight + 20 * 60_000]
    assert 0 < sum(each.arrived_at >= midnight for each in records) < 60
    fill(bucket, records)
    fetch_lake(bucket, tmp_path / "lake", 5, datetime.fromtimestamp(midnight / 1000 + 1800, UTC), Unwatched())
    # WHEN it is prepared
    prepare_lake(tmp_path / "lake", tmp_path / "prepared", LakeSettings(min_support=1), Unwatched())
    # THEN the sessions of the last 24 hours judge, and what came before them is trained on
    cut = max(each.arrived_at for each in records) - DAY * 1000
    begun = {each.session: min(r.occurred_at for r in records if r.session == each.session) for each in records}
    judging = {name for name, at in begun.items() if at >= cut}
    test, train = (pq.read_table(tmp_path / "prepared" / f"{side}.parquet").to_pydict() for side in ("test", "train"))
    assert set(test["session_id"]) <= judging
    assert len(set(test["session_id"])) > 0.7 * len(judging)  # not those of one event
    assert max(train["timestamp"]) < cut / 1000
    assert not judging & set(train["session_id"])


@pytest.mark.slow
def test_deleted_sessions_and_older_days_are_not_learned_from(bucket: BotoObjectStore, tmp_path: Path) -> None:
    # GIVEN a lake of five days, and a session that was deleted since the last compaction
    records = records_of(Shop(products=60), 60)
    fill(bucket, records)
    gone = records[-1].session
    deletions = [Deletion(gone, int(NOW.timestamp() * 1000))]
    assert bucket.create(f"{DELETIONS}date=2026-01-05/hour=23/b0000-1-1.json", msgspec.json.encode(deletions))
    # WHEN its newest two days are fetched
    files = fetch_lake(bucket, tmp_path, 2, NOW, Unwatched())
    # THEN the session is in no file, and there is no other day
    assert [file.parent.parent.name for file in files] == ["date=2026-01-05"]
    assert all(gone.encode() not in file.read_bytes() for file in files)
    assert any(record.session.encode() in file.read_bytes() for record in records for file in files)


def test_a_container_reads_every_kind_of_setting() -> None:
    settings = RetrainSettings.from_environment(
        {
            f"{PREFIX}DAYS": "30",
            f"{PREFIX}MAX_LOSS": "0.1",
            f"{PREFIX}MIN_EVENTS": "7",
            f"{PREFIX}NORMALISED": "false",
            f"{PREFIX}LOSS": "softmax",
            "NEXTITEM_EXCLUDE_SEEN": "true",
            "HOME": "/root",
        }
    )
    assert settings.deployment_leaves_out_seen
    assert (settings.lake.days, settings.rules.max_loss, settings.limits.min_events) == (30, 0.1, 7)
    assert (settings.fit.normalised, settings.fit.loss) == (False, "softmax")
    assert RetrainSettings.from_environment({}) == RetrainSettings()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DAY", "3", f"unknown setting {PREFIX}DAY"),
        ("DAYS", "many", f"{PREFIX}DAYS=many: "),
        ("DAYS", "0", "--days must be at least 1, not 0"),
        ("MAX_LOSS", "1", "--max-loss must be at least 0 and below 1"),
        ("MAX_JUDGED_SESSIONS", "5", "--max-judged-sessions must be at least --min-judged-sessions"),
        ("LOSS", "hinge", f"{PREFIX}LOSS=hinge"),
    ],
)
def test_a_wrong_setting_of_a_container_is_named(name: str, value: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        RetrainSettings.from_environment({PREFIX + name: value})


def test_a_setting_of_the_deployment_is_true_or_false() -> None:
    with pytest.raises(InputError, match="NEXTITEM_EXCLUDE_SEEN must be true or false, not 'yes'"):
        RetrainSettings.from_environment({"NEXTITEM_EXCLUDE_SEEN": "yes"})


def test_a_container_without_a_bucket_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NEXTITEM_BUCKET", raising=False)
    assert container.main() == container.BAD_INPUT
    assert capsys.readouterr().err.startswith("nextitem: NEXTITEM_BUCKET is not set: ")

"""`nextitem drift` compares the lake with the live version's training: a table, a page, JSON and a document."""

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from devstack.publish import demo_artifact
from model_export.cli.drift import parse_hours
from model_export.cli.lake_options import IDLE_SECONDS
from model_export.cli.registry_options import BucketOptions
from model_export.lake.records import IDLE_MS
from model_export.simulator import Shop
from nextitem.errors import InputError
from nextitem.registry.publisher import Publisher
from tests.model_export.cli.commandline import done, nextitem
from tests.model_export.drift.shops import NOW, lake_of, live_records, published, shop
from tests.nextitem.memory_bucket import MemoryBucket
from tests.nextitem.parts import BUCKET, REGION

UNTIL = ("--until", NOW.isoformat())


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket with a live version and the lake of a changed shop, of which `tmp_path` holds a copy."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("NEXTITEM_BUCKET", BUCKET)
    bucket = MemoryBucket()
    (tmp_path / "version").mkdir()
    version = published(bucket, tmp_path / "version")
    lake_of(tmp_path, live_records(shop(seed=8, products=200), 200, 2, version, hit=0.1))
    for path in (tmp_path / "lake").rglob("*.parquet"):
        bucket.objects[str(path.relative_to(tmp_path))] = path.read_bytes()
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        for key, data in bucket.objects.items():
            client.put_object(Bucket=BUCKET, Key=key, Body=data)
        yield version
        client.close()


@pytest.mark.slow
def test_drift_is_shown_and_written(version: str, tmp_path: Path) -> None:
    # WHEN drift is measured in the bucket
    shown = done("drift", *UNTIL, "--write", "--report", "drift.html")
    # THEN people read what changed
    assert shown.out.splitlines()[-1].startswith("failing: the online hit rate is at least ")
    assert "items against training: gained (others) " in shown.err
    assert version in shown.out
    assert "…" not in shown.out
    # AND machines get the document that was written, from a copy of the lake
    again = done("drift", "--until", (NOW.isoformat()), "--lake-folder", tmp_path, "--json").document
    key = shown.err.split("written: ")[1].split()[0]
    stored = json.loads(boto3.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read())
    assert again == stored
    assert (again["level"], again["version"], again["route"]) == ("failing", version, "live")
    # AND the page loads nothing
    page = (tmp_path / "drift.html").read_text()
    assert "http-equiv" in page
    assert 'class="warning"' in page
    assert "src=" not in page
    for item in again["unknown"]["items"]:
        assert item["name"] in page


@pytest.mark.parametrize(("text", "hours"), [("24h", 24), ("7d", 168), (" 90m ", 1.5), ("0.5d", 12)])
def test_lengths_of_windows(text: str, hours: float) -> None:
    assert parse_hours(text) == hours


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "0h", "1w", "1e3h", "\u0661h"])
def test_other_lengths_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no length of time"):
        parse_hours(text)


def test_the_pause_that_ends_a_session_is_that_of_the_lake() -> None:
    assert IDLE_SECONDS * 1000 == IDLE_MS


def test_wrong_options_are_refused(tmp_path: Path) -> None:
    assert "must be named *.html" in nextitem("drift", "--bucket", "b", "--report", "drift.txt").fault
    assert "is no time: write ISO 8601" in nextitem("drift", "--bucket", "b", "--until", "noon").fault
    with mock_aws():
        assert "must hold a folder lake" in nextitem("drift", "--bucket", "b", "--lake-folder", tmp_path, *UNTIL).fault


@pytest.mark.slow
def test_scores_are_compared_where_they_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN the demo's model on a route, and a day of its shop
    bucket = MemoryBucket()
    monkeypatch.setattr(BucketOptions, "store", lambda _self: bucket)
    publisher = Publisher(bucket)
    version = publisher.publish(demo_artifact())
    publisher.promote(version, tmp_path / "models")
    lake_of(tmp_path, live_records(Shop(), 200, 2, version))
    arguments = ("drift", *UNTIL, "--lake-folder", tmp_path, "--json")
    # THEN the scores of its first recommendations are a row of the report only with the option
    for options, expected in ((("--scores",), ["training"]), ((), [])):
        measures = done(*arguments, *options).document["measures"]
        found = [each for each in measures if each["name"] == "top scores"]
        assert [each["against"] for each in found] == expected
        assert all(each["bins"] > 1 and not each["notifies"] for each in found)

"""Drift of a route: a steady shop is quiet, a changed one is noticed, and a document says why."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from model_export.drift.emf import metric_records
from model_export.drift.report import DriftReport
from model_export.drift.route import (
    MAX_DAYS_BACK,
    Window,
    last_report,
    measure_route,
    newest_reports,
    report_key,
    reports,
    write_report,
)
from model_export.lake.note import NOTE, Note
from model_export.lake.records import Record
from nextitem.errors import ArtifactCorrupt, ArtifactUnsupported
from nextitem.model.manifest import PROFILE
from nextitem.registry.reader import model_key
from tests.model_export.drift.shops import HIT_RATE, NOW, ROUTE, UNKNOWN, lake_of, live_records, published, shop
from tests.nextitem.memory_bucket import MemoryBucket

WEEK, DAY = timedelta(days=7), timedelta(days=1)


@pytest.fixture
def bucket(tmp_path: Path) -> MemoryBucket:
    bucket = MemoryBucket()
    (tmp_path / "version").mkdir()
    published(bucket, tmp_path / "version")
    return bucket


def version_in(bucket: MemoryBucket) -> str:
    return next(key for key in bucket.objects if key.startswith("models/")).split("/")[1]


def measured(bucket: MemoryBucket, folder: Path, *parts: Iterator[Record]) -> DriftReport:
    (folder / "lake-copy").mkdir()
    (folder / "downloads").mkdir()
    return measure_route(bucket, lake_of(folder / "lake-copy", *parts), ROUTE, NOW, folder / "downloads")


def levels(report: DriftReport) -> dict[str, str]:
    return {f"{each.name} {each.against}": each.level for each in report.measures if not each.skipped}


@pytest.mark.slow
def test_a_steady_shop_is_steady(bucket: MemoryBucket, tmp_path: Path) -> None:
    version = version_in(bucket)
    report = measured(
        bucket,
        tmp_path,
        live_records(shop(), 300, 2, version),
        live_records(shop(), 300, 3, version, end=NOW - WEEK, hit=0.8),
    )
    assert (report.level, report.reasons, report.shortfall) == ("steady", (), 0.0)
    assert set(levels(report).values()) == {"steady"}
    assert levels(report).keys() == {
        f"{name} {against}" for name in ("items", "session lengths", "hours") for against in ("training", "last week")
    }
    assert 250 < report.sessions <= 300
    [rate] = report.hit_rates
    assert rate.low < HIT_RATE < rate.high
    assert rate.last_week == pytest.approx(0.8, abs=0.05)
    assert report.promised == pytest.approx(HIT_RATE * (1 - UNKNOWN))


@pytest.mark.slow
def test_a_window_ends_where_the_lake_is_complete(bucket: MemoryBucket, tmp_path: Path) -> None:
    # GIVEN a collector that is six hours behind
    (tmp_path / "downloads").mkdir()
    lake = lake_of(tmp_path / "lake-copy", live_records(shop(), 50, 2, version_in(bucket)))
    note = tmp_path / "lake-copy" / NOTE
    note.parent.mkdir()
    complete = NOW - timedelta(hours=6)
    note.write_bytes(msgspec.json.encode(Note(complete_until=round(complete.timestamp() * 1000))))
    # WHEN drift is measured THEN the sessions of its window have all of their events
    report = measure_route(bucket, lake, ROUTE, NOW, tmp_path / "downloads")
    assert datetime.fromisoformat(report.until) == complete - timedelta(minutes=30)


@pytest.mark.slow
def test_a_changed_shop_is_noticed(bucket: MemoryBucket, tmp_path: Path) -> None:
    version = version_in(bucket)
    report = measured(
        bucket,
        tmp_path,
        live_records(shop(seed=8, products=200), 300, 2, version, hit=0.15),
        live_records(shop(), 300, 3, version, end=NOW - WEEK),
    )
    assert report.level == "failing"  # the hit rate fell below two thirds
    assert report.unknown.level == "elevated"
    items = report.measure("items", "training")
    assert items is not None
    assert (items.level, items.notifies) == ("elevated", True)
    assert items.gained[0].name == "(others)"
    assert all(change.now < change.before for change in items.lost)
    assert len(items.lost) == 5
    assert report.unknown.items[0].now > 0
    assert any("hit rate" in reason for reason in report.reasons)
    assert report.notified == max(each.smoothed for each in report.measures if each.notifies) > 0.25


@pytest.mark.slow
def test_measurements_are_smoothed_with_those_before(bucket: MemoryBucket, tmp_path: Path) -> None:
    # GIVEN a steady report of a day ago, in the bucket
    version = version_in(bucket)
    steady = measured(bucket, tmp_path, live_records(shop(), 200, 2, version))
    write_report(bucket, msgspec.structs.replace(steady, measured=(NOW - DAY).isoformat(timespec="seconds")))
    # WHEN the shop changes within a half-life
    again = tmp_path / "again"
    again.mkdir()
    report = measured(bucket, again, live_records(shop(products=200), 200, 4, version))
    # THEN half of the change is in the smoothed values
    items = report.measure("items", "training")
    assert items is not None
    assert items.excess > 0.25
    assert items.smoothed == pytest.approx(items.excess / 2, abs=1e-5)
    assert report.unknown.smoothed == pytest.approx((steady.unknown.smoothed + report.unknown.rise) / 2, abs=1e-5)
    # AND a report of another version does not count
    other = msgspec.structs.replace(steady, version="v" + "0" * 16, measured=(NOW - DAY / 2).isoformat())
    write_report(bucket, other)
    third = tmp_path / "third"
    third.mkdir()
    begun = measured(bucket, third, live_records(shop(products=200), 200, 4, version))
    fresh = begun.measure("items", "training")
    assert fresh is not None
    assert fresh.smoothed == fresh.excess
    assert begun.unknown.smoothed == begun.unknown.rise
    # AND no rate of a version lingers that does not answer any more
    assert [(rate.version, rate.smoothed) for rate in begun.hit_rates] == [(version, begun.hit_rates[0].value)]


@pytest.mark.slow
def test_the_variants_of_a_version_are_smoothed_each_by_itself(bucket: MemoryBucket, tmp_path: Path) -> None:
    # GIVEN a version that was tried with bad luck, then promoted: a day ago it had answered as both variants
    version = version_in(bucket)
    live = [*live_records(shop(), 40, 2, version, hit=0.8)]
    tried = [
        msgspec.structs.replace(each, session=f"{each.session}-tried", rank=0, judged_variant="challenger")
        for each in [each for each in live if each.judged_version][:20]
    ]
    before = measured(bucket, tmp_path, iter(live), iter(tried))
    assert [(rate.variant, rate.value > 0) for rate in before.hit_rates] == [("main", True), ("challenger", False)]
    write_report(bucket, msgspec.structs.replace(before, measured=(NOW - DAY).isoformat(timespec="seconds")))
    # WHEN it is measured again with the same answers THEN its hit rate is the same
    again = tmp_path / "again"
    again.mkdir()
    after = measured(bucket, again, iter(live))
    assert after.hit_rates[0].smoothed == pytest.approx(before.hit_rates[0].value, abs=1e-5)


@pytest.mark.slow
def test_the_promise_is_compared_with_the_rate_of_the_variant_that_answers_now(
    bucket: MemoryBucket, tmp_path: Path
) -> None:
    # GIVEN a version just promoted: most of the window it answered as the challenger, whose sessions went badly
    version = version_in(bucket)
    live = [*live_records(shop(), 40, 2, version)]
    tried = [
        msgspec.structs.replace(each, session=f"tried-{each.session}", rank=0, judged_variant="challenger")
        for each in live_records(shop(), 120, 3, version)
        if each.judged_version
    ]
    # WHEN it is measured THEN its rate as the challenger is reported, and no shortfall of what answers now
    report = measured(bucket, tmp_path, iter(live), iter(tried))
    assert [(rate.variant, rate.value > 0) for rate in report.hit_rates] == [("challenger", False), ("main", True)]
    assert report.shortfall < 0.2


@pytest.mark.slow
def test_reports_are_found_in_the_order_of_time(bucket: MemoryBucket, tmp_path: Path) -> None:
    report = measured(bucket, tmp_path)  # an empty lake
    assert (report.level, report.sessions) == ("steady", 0)
    assert all(each.skipped for each in report.measures)
    key = write_report(bucket, report)
    assert reports(bucket, ROUTE, NOW.date()) == [key] == [report_key(ROUTE, NOW)]
    earlier = msgspec.structs.replace(report, measured=(NOW - timedelta(seconds=1)).isoformat())
    assert last_report(bucket, ROUTE, NOW) is None  # it is not from before
    write_report(bucket, earlier)
    assert last_report(bucket, ROUTE, NOW) == earlier
    assert last_report(bucket, ROUTE, NOW + DAY) == report
    assert last_report(bucket, ROUTE, NOW + MAX_DAYS_BACK * DAY) == report
    assert last_report(bucket, ROUTE, NOW + (MAX_DAYS_BACK + 1) * DAY) is None


def test_a_damaged_report_is_ignored(bucket: MemoryBucket, caplog: pytest.LogCaptureFixture) -> None:
    bucket.objects[report_key(ROUTE, NOW)] = b"{}"
    with caplog.at_level(logging.WARNING):
        assert last_report(bucket, ROUTE, NOW + DAY) is None
    assert "smoothing begins again" in caplog.text
    assert newest_reports(bucket, ROUTE, 1) == []


@pytest.mark.slow
def test_hours_need_whole_days(bucket: MemoryBucket, tmp_path: Path) -> None:
    lake = lake_of(tmp_path, live_records(shop(), 200, 2, version_in(bucket)))
    report = measure_route(bucket, lake, ROUTE, NOW, tmp_path, Window(hours=6))
    hours = report.measure("hours", "training")
    assert hours is not None
    assert "whole days" in hours.skipped
    assert 0 < report.sessions < 150


def test_a_version_without_a_profile_says_what_to_do(tmp_path: Path) -> None:
    bucket = MemoryBucket()
    published(bucket, tmp_path, profile=False)
    with pytest.raises(ArtifactUnsupported, match=r"has no profile\.json: train again"):
        measured(bucket, tmp_path)


@pytest.mark.parametrize(("old", "new"), [(b"{", b"{ "), (b"view", b"cart")])
def test_a_damaged_profile_is_refused(bucket: MemoryBucket, tmp_path: Path, old: bytes, new: bytes) -> None:
    key = model_key(version_in(bucket), PROFILE)
    bucket.objects[key] = bucket.objects[key].replace(old, new, 1)
    with pytest.raises(ArtifactCorrupt, match=r"profile\.json is missing or damaged"):
        measured(bucket, tmp_path)


@pytest.mark.slow
def test_metrics_are_those_that_are_described(bucket: MemoryBucket, tmp_path: Path) -> None:
    version = version_in(bucket)
    report = measured(bucket, tmp_path, live_records(shop(), 200, 2, version), live_records(shop(), 150, 5, "v2"))
    records = [msgspec.json.decode(line) for line in metric_records(report, "shop")]
    assert [each["model_version"] for each in records] == [version, "v2"]
    own, other = records
    assert own["drift_psi"] == report.notified
    assert own["online_hit_rate"] == report.hit_rates[0].smoothed
    assert (own["stack"], own["level"]) == ("shop", "steady")
    sets = {
        tuple(directive["Dimensions"][0]): sorted(metric["Name"] for metric in directive["Metrics"])
        for directive in own["_aws"]["CloudWatchMetrics"]
    }
    assert sets[("stack",)] == ["drift_psi", "drift_unknown_rise", "hit_rate_shortfall"]
    assert sets[("stack", "model_version", "variant")] == sorted([*sets[("stack",)], "online_hit_rate"])
    assert other.keys() & set(sets[("stack",)]) == set()  # another version is no part of the alarms


@pytest.mark.slow
def test_the_scheduled_function_imports_no_training() -> None:
    code = "import sys, learning.drift; print(sorted({*sys.modules} & HEAVY))"
    heavy = "HEAVY = {'torch', 'rich', 'typer', 'matplotlib', 'ibis', 'onnx'}; "
    result = subprocess.run([sys.executable, "-c", heavy + code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"

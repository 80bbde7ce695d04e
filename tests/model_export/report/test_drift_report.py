"""The page of a measurement of drift: its tables hold the figures, and it loads nothing."""

from pathlib import Path

import msgspec
import pytest

from model_export.drift.report import Change, DriftReport, HitRate, Measure, Unknown
from model_export.report import write_drift_report
from tests.model_export.report.test_report import Parsed

ITEMS = Measure(
    "items",
    "training",
    bins=40,
    psi=0.4,
    expected=0.06,
    bound=0.1,
    jensen_shannon=0.07,
    excess=0.34,
    smoothed=0.3,
    level="elevated",
    notifies=True,
    gained=(Change("<b>new</b>", 0.0, 0.25),),
    lost=(Change("old", 0.2, 0.1),),
)
REPORT = DriftReport(
    route="live",
    version="v1",
    variant="main",
    measured="2026-01-31T09:00:00+00:00",
    since="2026-01-30T08:30:00+00:00",
    until="2026-01-31T08:30:00+00:00",
    sessions=1234,
    events=5678,
    half_life=24.0,
    measures=(ITEMS, Measure("hours", "training", skipped="a window of whole days has every hour of the day")),
    unknown=Unknown(0.25, 0.02, 0.2, 0.15, "elevated", (Change("x-9", 0.0, 0.125),)),
    hit_rates=(HitRate("v1", "main", 900, 300, 0.25, 0.22, 0.28, 0.26, None),),
    promised=0.5,
    shortfall=0.42,
    level="failing",
    reasons=("the hit rate fell",),
)


def page(folder: Path, report: DriftReport) -> tuple[str, Parsed]:
    write_drift_report(report, folder / "drift.html")
    text = (folder / "drift.html").read_text()
    return text, Parsed(text)


@pytest.mark.slow
def test_the_page_says_what_changed(tmp_path: Path) -> None:
    text, parsed = page(tmp_path, REPORT)
    assert parsed.sections == ["Distributions", "What changed", "Online hit rate", "Unknown items"]
    assert parsed.tables["Every distribution"][1][:7] == [
        "items, against training",
        *("0.400", "0.060", "0.100", "0.340", "0.300", "0.070"),
    ]
    assert parsed.tables["Items, against training"][1:] == [
        ["<b>new</b>", "0.000", "0.250", "+0.250"],
        ["old", "0.200", "0.100", "-0.100"],
    ]
    assert "<b>new" not in text  # an item's name is no HTML
    assert parsed.tables["The most frequent of these items"][1] == ["x-9", "0.125"]
    assert len(parsed.plots) == 3
    assert 'role="alert">Level: failing.' in text
    assert "Reasons: the hit rate fell." in text
    assert all(count == 1 for count in parsed.ids.values())
    assert all(reference.startswith("#") for reference in parsed.references)


@pytest.mark.slow
def test_a_page_without_sessions(tmp_path: Path) -> None:
    none = msgspec.structs.replace(REPORT, measures=REPORT.measures[1:], hit_rates=(), level="steady", reasons=())
    text, parsed = page(tmp_path, none)
    assert parsed.sections == ["Distributions", "Online hit rate", "Unknown items"]
    assert parsed.plots == []
    assert "alert" not in text

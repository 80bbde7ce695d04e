"""`nextitem evaluate --prequential`: a figure for each day."""

from pathlib import Path

import pytest

from devstack.publish import demo_artifact
from model_export.simulator import Shop
from model_export.simulator.files import write_events
from tests.model_export.cli.commandline import done, nextitem

FIRST_DAY = 1_769_904_000  # 2026-02-01


@pytest.mark.slow
def test_each_day_of_the_test_is_measured(tmp_path: Path) -> None:
    # GIVEN events of three days
    events = tmp_path / "events.csv"
    write_events(events, Shop().sessions(60, seed=11, start=FIRST_DAY, days=3))
    # WHEN an artifact is evaluated by day
    arguments = ("evaluate", demo_artifact(), "--events", events)
    document = done(*arguments, "--prequential", "--json").document
    # THEN each day has its part of the targets, and their figures make up the whole
    days = document["days"]
    assert [day["day"] for day in days][:3] == ["2026-02-01", "2026-02-02", "2026-02-03"]
    assert sum(day["targets"] for day in days) == document["targets"]
    hits = sum(day["targets"] * day["rankers"]["model"]["hr@20"]["value"] for day in days)
    assert hits / document["targets"] == pytest.approx(document["model"]["hr@20"])
    # AND the table has them, and only where they are asked for
    by_day = done(*arguments, "--prequential").out
    assert "2026-02-02" in by_day
    assert "…" not in by_day
    assert "2026-02-02" not in done(*arguments).out


@pytest.mark.slow
def test_a_running_index_has_no_days(tmp_path: Path) -> None:
    events = tmp_path / "events.csv"
    events.write_text("session_id,item_id,timestamp\na,tea-001,1\na,tea-003,2\n")
    fault = nextitem("evaluate", demo_artifact(), "--events", events, "--prequential").fault
    assert "--prequential needs times" in fault

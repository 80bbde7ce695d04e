"""`nextitem compare`: two artifacts on the same sessions."""

from pathlib import Path

import pytest

from devstack.publish import demo_artifact, earlier_artifact
from model_export.simulator import Shop
from model_export.simulator.files import write_events
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from tests.model_export.cli.commandline import done, nextitem


@pytest.mark.slow
def test_two_artifacts_are_compared(tmp_path: Path) -> None:
    # GIVEN two artifacts, and sessions of which some begin before the end of their trainings
    reference, candidate = earlier_artifact(), demo_artifact()
    last = Model(open_artifact(candidate)).manifest.training.last
    events = tmp_path / "events.csv"
    write_events(events, Shop().sessions(60, seed=11, start=last - 43_200, days=1))
    # WHEN they are compared
    arguments = ("compare", reference, candidate, "--events", events)
    shown = done(*arguments)
    document = done(*arguments, "--json").document
    # THEN both are shown with the difference, and what it says
    assert [name in shown.out for name in (reference.name, candidate.name, "difference")] == [True] * 3
    low = document["difference"]["hr@20"][1]
    assert low > 0
    assert f"HR@20: {candidate.name} is better by {low:.4f} at least" in shown.err
    # AND a warning counts the sessions that a version may have learned
    assert f"of 60 sessions begin before the end of {candidate.name}'s training" in shown.err
    # AND the other way round it is worse
    assert f"HR@20: {reference.name} is worse by" in done("compare", candidate, reference, "--events", events).err
    # AND without seen items fewer next items count
    assert done(*arguments, "--exclude-seen", "--json").document["targets"] < document["targets"]


def test_an_artifact_is_not_compared_with_itself() -> None:
    answer = nextitem("compare", demo_artifact(), demo_artifact(), "--events", "none.csv")
    assert "nothing to compare" in answer.fault


@pytest.mark.slow
def test_times_that_are_only_an_order_give_no_warning_about_trainings(tmp_path: Path) -> None:
    events = tmp_path / "events.csv"
    events.write_text("session_id,item_id,timestamp\na,board-001,1\na,board-002,2\n")
    shown = done("compare", earlier_artifact(), demo_artifact(), "--events", events)
    assert "1 next items of 1 sessions" in shown.out
    assert "by heart" not in shown.err


@pytest.mark.slow
def test_events_with_other_ids_give_a_warning_that_shows_both(tmp_path: Path) -> None:
    events = tmp_path / "events.csv"
    events.write_text("session_id,item_id,timestamp\na,1,1\na,2,2\n")
    shown = done("compare", earlier_artifact(), demo_artifact(), "--events", events)
    for version in (earlier_artifact().name, demo_artifact().name):
        assert f"100 % of the test events have an item that {version} does not have; they are misses. Ids" in shown.err
    assert shown.err.count("such as '1', '2'; of the model such as 'board-001', 'board-002', 'board-003'") == 2

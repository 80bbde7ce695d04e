"""What CloudWatch would refuse cannot be said, and what is said hangs together."""

import dataclasses
from pathlib import Path
from typing import Any, get_args

import pytest

from nextitem.telemetry import metrics
from observability.alarms.catalogue import ALARMS, COMPOSITES, EVERY_ALARM
from observability.alarms.types import BadAlarm, MetricAlarm, Runbook, named
from observability.metrics.expressions import Band, Plus, Stat, statistics
from observability.metrics.references import Emitted

DAY = 86_400
ALARM = MetricAlarm(
    name="tea",
    meaning="Tea is cold",
    runbook="drift",
    expression=Stat(Emitted(metrics.SLOW), "Sum"),
    threshold=1,
    period=60,
    periods=3,
    breaching=2,
    missing="ignore",
    missing_because="a test says so",
)
ELEVEN = Plus(tuple(Stat(Emitted(metrics.SLOW), f"p{percent}") for percent in range(11)))


@pytest.mark.parametrize(
    "changes",
    [
        {"period": 0},
        {"period": 90},
        {"periods": 0},
        {"breaching": 0},
        {"breaching": 4},
        {"period": 300, "periods": 289},
        {"period": DAY, "periods": 8},
        {"expression": ELEVEN},
        {"expression": Band(ALARM.expression, 2)},
        {"comparison": "LessThanLowerThreshold"},
        {"threshold": None},
    ],
)
def test_what_cloudwatch_would_refuse_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadAlarm, match="tea"):
        dataclasses.replace(ALARM, **changes)


@pytest.mark.parametrize(
    "changes", [{"period": 300, "periods": 288}, {"period": 7 * DAY, "periods": 1, "breaching": 1}]
)
def test_the_longest_windows_are_accepted(changes: dict[str, Any]) -> None:
    dataclasses.replace(ALARM, **changes)


def test_names_are_unique() -> None:
    assert len({alarm.name for alarm in EVERY_ALARM}) == len(EVERY_ALARM)


def test_each_alarm_tells_somebody_or_is_looked_at() -> None:
    looked_at = {name for composite in COMPOSITES for name in named(composite.rule)}
    looked_at |= {composite.suppressor for composite in COMPOSITES if composite.suppressor}
    rollback = {alarm.name for alarm in ALARMS if alarm.rollback}
    assert [
        alarm.name for alarm in EVERY_ALARM if alarm.notifies is None and alarm.name not in looked_at | rollback
    ] == []
    # AND none pages both by itself and through another: one cause would page twice
    by_rule = {name for composite in COMPOSITES if composite.notifies == "page" for name in named(composite.rule)}
    assert [alarm.name for alarm in EVERY_ALARM if alarm.notifies == "page" and alarm.name in by_rule] == []


def test_composite_alarms_name_alarms_that_always_exist_and_stand_before_them() -> None:
    there = {alarm.name for alarm in ALARMS if alarm.condition is None}
    for composite in COMPOSITES:
        assert set(named(composite.rule)) <= there
        assert composite.suppressor is None or composite.suppressor in {alarm.name for alarm in EVERY_ALARM} - {
            composite.name
        }
        there.add(composite.name)


def test_each_runbook_that_there_is_has_an_alarm() -> None:
    assert {alarm.runbook for alarm in EVERY_ALARM} == set(get_args(Runbook))


def test_a_deployment_is_taken_back_within_minutes() -> None:
    rollback = [alarm for alarm in ALARMS if alarm.rollback]
    assert [alarm.name for alarm in rollback] == [
        "rollback-failures",
        "rollback-slow",
        "rollback-version-failures",
        "rollback-version-slow",
    ]
    assert all(alarm.period * alarm.periods <= 5 * 60 for alarm in rollback)


def test_what_takes_a_version_back_sees_that_version_alone() -> None:
    # GIVEN the alarms on the new version WHEN their metrics are read
    watched = [
        stat.reference for alarm in ALARMS if "rollback-version" in alarm.name for stat in statistics(alarm.expression)
    ]

    # THEN each is of what the alias leads there
    for reference in watched:
        assert dict(reference.dimensions) == {
            "FunctionName": "${FunctionName}",
            "Resource": "${FunctionName}:${AliasName}",
            "ExecutedVersion": "${ExecutedVersion}",
        }
    assert {reference.name for reference in watched} == {"Errors", "Invocations", "Duration"}


def test_meanings_are_one_sentence_without_its_full_stop() -> None:
    for alarm in EVERY_ALARM:
        assert not alarm.meaning.endswith(".")
        assert alarm.meaning[0].isupper() or alarm.meaning[0].isdigit()


def test_each_runbook_that_alarms_link_is_written() -> None:
    directory = Path(__file__).parents[3] / "docs" / "runbooks"
    if not directory.is_dir():
        pytest.skip("no runbook is written yet")
    assert [name for name in get_args(Runbook) if not (directory / f"{name}.md").is_file()] == []

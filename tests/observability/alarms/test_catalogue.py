"""CloudWatch accepts the alarms, and each has a topic, a runbook and existing alarms in its rule."""

import dataclasses
from typing import Any

import pytest

from nextitem.telemetry import metrics
from observability.alarms.catalogue import ALARMS, COMPOSITES, EVERY_ALARM
from observability.alarms.rules import alarm_names
from observability.alarms.types import DAY, MINUTE, BadAlarm, MetricAlarm, MissingData, Window
from observability.metrics.expressions import Band, Plus, Stat, statistics
from observability.metrics.references import OwnMetric

ALARM = MetricAlarm(
    name="tea",
    meaning="Tea is cold",
    runbook="drift",
    expression=Stat(OwnMetric(metrics.SLOW), "Sum"),
    threshold=1,
    window=Window(MINUTE, 2, 3),
    missing=MissingData("ignore", "test"),
)
ELEVEN = Plus(tuple(Stat(OwnMetric(metrics.SLOW), f"p{percent}") for percent in range(11)))


@pytest.mark.parametrize(
    "changes",
    [
        {"window": Window(0, 2, 3)},
        {"window": Window(90, 2, 3)},
        {"window": Window(MINUTE, 2, 0)},
        {"window": Window(MINUTE, 0, 3)},
        {"window": Window(MINUTE, 4, 3)},
        {"window": Window(5 * MINUTE, 2, 289)},
        {"window": Window(DAY, 2, 8)},
        {"expression": ELEVEN},
        {"expression": Band(ALARM.expression, 2)},
        {"comparison": "LessThanLowerThreshold"},
        {"threshold": None},
    ],
)
def test_an_alarm_that_cloudwatch_would_refuse_cannot_be_made(changes: dict[str, Any]) -> None:
    with pytest.raises(BadAlarm, match="tea"):
        dataclasses.replace(ALARM, **changes)


@pytest.mark.parametrize("window", [Window(5 * MINUTE, 2, 288), Window(7 * DAY, 1, 1)])
def test_the_longest_windows_are_accepted(window: Window) -> None:
    dataclasses.replace(ALARM, window=window)


def test_names_are_unique() -> None:
    assert len({alarm.name for alarm in EVERY_ALARM}) == len(EVERY_ALARM)


def test_each_alarm_notifies_or_is_used() -> None:
    used = {name for composite in COMPOSITES for name in alarm_names(composite.rule)}
    used |= {composite.suppressor for composite in COMPOSITES if composite.suppressor}
    used |= {alarm.name for alarm in ALARMS if alarm.rollback}
    assert [alarm.name for alarm in EVERY_ALARM if alarm.notifies is None and alarm.name not in used] == []
    # No alarm pages both by itself and through another, because one cause would page twice.
    by_rule = {name for composite in COMPOSITES if composite.notifies == "page" for name in alarm_names(composite.rule)}
    assert [alarm.name for alarm in EVERY_ALARM if alarm.notifies == "page" and alarm.name in by_rule] == []


def test_rules_name_alarms_that_exist_and_stand_before_them() -> None:
    before = {(alarm.name, alarm.condition) for alarm in ALARMS}
    names = {alarm.name for alarm in EVERY_ALARM}
    for composite in COMPOSITES:
        named = alarm_names(composite.rule)
        assert all({(name, None), (name, composite.condition)} & before for name in named)
        assert composite.suppressor is None or composite.suppressor in names - {composite.name}
        before.add((composite.name, composite.condition))


def test_a_deployment_is_rolled_back_within_minutes() -> None:
    rollback = [alarm for alarm in ALARMS if alarm.rollback]
    assert rollback
    assert all(alarm.window.seconds <= 5 * MINUTE for alarm in rollback)


def test_alarms_on_a_new_version_use_metrics_of_that_version_only() -> None:
    references = [
        stat.reference for alarm in ALARMS if "rollback-version" in alarm.name for stat in statistics(alarm.expression)
    ]
    for reference in references:
        assert dict(reference.dimensions) == {
            "FunctionName": "${FunctionName}",
            "Resource": "${FunctionName}:${AliasName}",
            "ExecutedVersion": "${ExecutedVersion}",
        }
    assert {reference.name for reference in references} == {"Errors", "Invocations", "Duration"}


def test_meanings_are_one_sentence_without_a_full_stop() -> None:
    for alarm in EVERY_ALARM:
        assert not alarm.meaning.endswith(".")
        assert alarm.meaning[0].isupper()

"""The deployed alarms, judged over records of this machine."""

import json
from collections.abc import Callable
from typing import Any

from devstack.top.alarm_states import AlarmState, alarm_states
from devstack.top.records import parse_line
from devstack.top.series import Series
from tests.devstack.top.emf_lines import NOW, record


def states(values: Callable[[int], dict[str, Any]], minutes: int = 10) -> dict[str, AlarmState]:
    """Judge ten minutes of twenty requests a minute, with such values so many seconds ago."""
    series = Series()
    for ago in range(3, 60 * minutes, 3):
        series.add(parse_line(json.dumps(record(NOW - ago, **values(ago)))))
    return {each.name: each for each in alarm_states(series, NOW)}


def on(found: dict[str, AlarmState]) -> set[str]:
    return {name for name, each in found.items() if each.state == "ALARM" and each.action and not each.suppressed_by}


def test_a_service_that_does_well_has_no_alarm() -> None:
    assert on(states(lambda _: {})) == set()


def test_a_store_that_is_down_is_told_of_with_its_runbook() -> None:
    found = states(lambda ago: {"store_faults": 1, "slow": 1, "served_by": "stateless"} if ago < 240 else {})

    assert found["store-down"] == AlarmState(
        name="store-down",
        state="ALARM",
        action="page",
        suppressed_by=None,
        value=1.0,
        threshold=0.5,
        meaning="The session store fails for more than half of the requests",
        runbook="docs/runbooks/store-down.md",
    )
    assert (found["latency-page"].state, found["latency-page"].suppressed_by) == ("ALARM", "greater-cause")
    assert on(found) == {"store-down", "rollback-slow"}


def test_a_store_that_was_down_for_a_minute_only_writes_a_ticket_at_most() -> None:
    assert "store-down" not in on(states(lambda ago: {"store_faults": 1} if 60 < ago < 120 else {}))


def test_a_bad_model_is_told_of_against_the_template_s_floor() -> None:
    found = states(lambda ago: {"labels": 1, "hits_20": int(ago % 120 == 0)}, minutes=31)
    assert on(found) == {"bad-model"}
    assert found["hit-rate-floor"].threshold == 0.05


def test_what_cannot_be_judged_here_says_so() -> None:
    found = states(lambda _: {})
    assert {name for name, each in found.items() if each.state == "NOT_EVALUATED"} == {
        "store-throttled",
        "store-node-1-memory",
        "store-node-1-cpu",
        "store-node-2-memory",
        "store-node-2-cpu",
        "throttled",
        "secret-in-log",
        "telemetry-silent",
        "rollback-version-failures",
        "rollback-version-slow",
        "hit-rate-unusual",
        "score-drift",
    }

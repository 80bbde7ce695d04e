"""The deployed alarms, evaluated over records of this machine."""

import json
from collections.abc import Callable
from typing import Any

from devstack.top.alarm_states import AlarmState, alarm_states
from devstack.top.records import parse_line
from devstack.top.series import Series
from tests.devstack.top.emf_lines import NOW, record


def states(values: Callable[[int], dict[str, Any]], minutes: int = 10) -> dict[str, AlarmState]:
    """Evaluate the alarms after twenty requests a minute; `values` takes a request's age in seconds."""
    series = Series("nextitem")
    for ago in range(3, 60 * minutes, 3):
        series.add(parse_line(json.dumps(record(NOW - ago, **values(ago)))))
    return {state.name: state for state in alarm_states(series, NOW)}


def active(alarms: dict[str, AlarmState]) -> set[str]:
    return {a.name for a in alarms.values() if a.state == "ALARM" and a.action and not a.suppressed_by}


def test_a_healthy_service_has_no_alarm() -> None:
    assert active(states(lambda _: {})) == set()


def test_a_store_that_is_down_pages_with_its_runbook() -> None:
    alarms = states(lambda ago: {"store_faults": 1, "slow": 1, "served_by": "stateless"} if ago < 240 else {})

    assert alarms["store-down"] == AlarmState(
        name="store-down",
        state="ALARM",
        action="page",
        suppressed_by=None,
        value=1.0,
        threshold=0.5,
        meaning="The session store fails for more than half of the requests",
        runbook="docs/runbooks/store-down.md",
    )
    assert (alarms["latency-page"].state, alarms["latency-page"].suppressed_by) == ("ALARM", "greater-cause")
    assert active(alarms) == {"store-down", "rollback-slow"}


def test_faults_of_another_stack_of_the_account_page_nobody() -> None:
    # GIVEN staging, whose store is down and whose requests fail, and production, which answers as ever
    staging = {"stack": "nextitem-staging", "store_faults": 1, "server_errors": 1, "slow": 1}
    production = Series("nextitem")
    for ago in range(3, 600, 3):
        for values in (staging, {}):
            production.add(parse_line(json.dumps(record(NOW - ago, **values))))

    # WHEN production's alarms are evaluated, THEN none goes off, and none rolls a deployment back
    assert active({state.name: state for state in alarm_states(production, NOW)}) == set()


def test_a_store_that_was_down_for_a_minute_does_not_page() -> None:
    assert "store-down" not in active(states(lambda ago: {"store_faults": 1} if 60 < ago < 120 else {}))


def test_a_bad_model_alarms_at_the_templates_floor() -> None:
    alarms = states(lambda ago: {"labels": 1, "hits_20": int(ago % 120 == 0)}, minutes=31)
    assert active(alarms) == {"bad-model"}
    assert alarms["hit-rate-floor"].threshold == 0.05


def test_alarms_without_local_data_are_not_evaluated() -> None:
    alarms = states(lambda _: {})
    assert {alarm.name for alarm in alarms.values() if alarm.state == "NOT_EVALUATED"} == {
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
        "compaction-failed",
        "decider-failed",
        "drift-not-measured",
        "lake-stopped",
        "retraining-failed",
    }

"""Expressions and alarms computed here, as CloudWatch would."""

import dataclasses

import pytest

from nextitem.telemetry import metrics
from observability.alarms.evaluation import State, judge, judge_all, suppressor, value
from observability.alarms.types import CompositeAlarm, Every, InAlarm, MetricAlarm, Missing, Unless
from observability.metrics import aws_metrics
from observability.metrics.expressions import (
    AtLeast,
    Band,
    Expression,
    Filled,
    Number,
    Parameter,
    Plus,
    Share,
    Stat,
    Times,
)
from observability.metrics.references import Emitted
from tests.observability.alarms.measured import NOW, ByMinute, Minutes, traffic

SLOW = Stat(Emitted(metrics.SLOW), "Sum")
REQUESTS = Stat(Emitted(metrics.REQUESTS), "Sum")
ERRORS = Stat(aws_metrics.ERRORS, "Sum")
ALARM = MetricAlarm(
    name="slow",
    meaning="More than a tenth is slow",
    runbook="high-latency",
    expression=Share(SLOW, REQUESTS),
    threshold=0.1,
    period=60,
    periods=3,
    breaching=2,
    missing="notBreaching",
    missing_because="a test says so",
)


def worth(expression: Expression, minutes: Minutes) -> float | None:
    return value(expression, ByMinute(minutes), NOW - 60, NOW)


def state(alarm: MetricAlarm, minutes: Minutes) -> State:
    return judge(alarm, ByMinute(minutes), NOW, {"Floor": 0.5}).state


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (SLOW, 3),
        (ERRORS, None),
        (Filled(ERRORS), 0),
        (Filled(SLOW), 3),
        (Share(SLOW, REQUESTS), 0.25),
        (Share(ERRORS, REQUESTS), None),
        (Share(SLOW, Filled(ERRORS)), None),
        (Plus((SLOW, REQUESTS, Number(1))), 16),
        (Plus((SLOW, ERRORS)), None),
        (Times((SLOW, Number(-2))), -6),
        (Times((SLOW, ERRORS)), None),
        (AtLeast(SLOW, 3, Share(SLOW, REQUESTS)), 0.25),
        (AtLeast(SLOW, 4, Share(SLOW, REQUESTS)), 0),
        (AtLeast(SLOW, 4, Share(SLOW, REQUESTS), otherwise=1), 1),
        (AtLeast(ERRORS, 1, SLOW), None),
        (Parameter("MemorySize"), None),
        (Band(SLOW, 2), None),
    ],
)
def test_an_expression_over_a_minute(expression: Expression, expected: float | None) -> None:
    assert worth(expression, lambda _: traffic(12, slow=3)) == expected


def test_nothing_comes_of_nothing() -> None:
    assert worth(Share(SLOW, REQUESTS), lambda _: {}) is None
    assert worth(Filled(SLOW), lambda _: {}) == 0


@pytest.mark.parametrize(
    ("slow", "expected"),
    [((2, 0, 0), "OK"), ((2, 0, 2), "ALARM"), ((0, 2, 2), "ALARM"), ((1, 1, 1), "OK"), ((0, 0, 2), "OK")],
)
def test_so_many_of_the_newest_points_must_breach(slow: tuple[int, ...], expected: State) -> None:
    # GIVEN ten requests a minute, so many of them slow in each of the last three; all before that were
    def minutes(ago: int) -> dict[metrics.Metric, float]:
        return traffic(10, slow=slow[ago] if ago < len(slow) else 10)

    # THEN two that are over a tenth make an alarm, and no older ones do
    assert state(ALARM, minutes) == expected


@pytest.mark.parametrize(
    ("missing", "nothing", "one_breach"),
    [
        ("notBreaching", "OK", "OK"),
        ("breaching", "ALARM", "ALARM"),
        ("ignore", "INSUFFICIENT_DATA", "OK"),
        ("missing", "INSUFFICIENT_DATA", "OK"),
    ],
)
def test_missing_points_are_taken_for_what_the_alarm_says(missing: Missing, nothing: State, one_breach: State) -> None:
    alarm = dataclasses.replace(ALARM, missing=missing)
    assert state(alarm, lambda _: {}) == nothing
    assert state(alarm, lambda ago: traffic(10, slow=9) if ago == 0 else {}) == one_breach


def test_a_threshold_may_be_a_parameter_and_a_floor() -> None:
    floor = dataclasses.replace(ALARM, comparison="LessThanThreshold", threshold=Parameter("Floor"))
    assert state(floor, lambda _: traffic(10, slow=4)) == "ALARM"
    assert state(floor, lambda _: traffic(10, slow=5)) == "OK"


def test_the_newest_value_is_told() -> None:
    judged = judge(ALARM, ByMinute(lambda ago: traffic(10, slow=ago + 1)), NOW, {})
    assert judged.value == 0.1


@pytest.mark.parametrize(
    "expression", [ERRORS, Share(ERRORS, Stat(aws_metrics.INVOCATIONS, "Sum")), AtLeast(ERRORS, 1, Share(SLOW, ERRORS))]
)
def test_what_only_aws_knows_is_not_judged(expression: Expression) -> None:
    assert state(dataclasses.replace(ALARM, expression=expression), lambda _: traffic(10)) == "NOT_EVALUATED"


def test_an_anomaly_is_not_judged() -> None:
    alarm = dataclasses.replace(ALARM, expression=Band(SLOW, 2), comparison="LessThanLowerThreshold", threshold=None)
    assert state(alarm, lambda _: traffic(10)) == "NOT_EVALUATED"


def test_composite_alarms_look_at_those_before_them_and_are_silenced() -> None:
    # GIVEN one alarm that is on, and composite ones: on while it is, off while it is, on the first
    first = CompositeAlarm(name="first", meaning="", runbook="drift", rule=InAlarm("slow"), notifies=None)
    never = CompositeAlarm(
        name="never",
        meaning="",
        runbook="drift",
        rule=Every((InAlarm("slow"), Unless(InAlarm("first")))),
        notifies="page",
        suppressor="first",
    )
    second = dataclasses.replace(never, name="second", rule=InAlarm("first"), suppressor="slow")
    third = dataclasses.replace(second, name="third", suppressor="never")

    # WHEN all are judged
    judged = judge_all([ALARM], [first, never, second, third], ByMinute(lambda _: traffic(10, slow=9)), NOW, {})

    # THEN each says what its rule says
    assert [one.state for one in judged] == ["ALARM", "ALARM", "OK", "ALARM", "ALARM"]
    # AND only one that is on keeps others silent
    assert [suppressor(one.alarm, judged) for one in judged] == [None, None, "first", "slow", None]

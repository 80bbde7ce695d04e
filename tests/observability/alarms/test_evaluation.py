"""Expressions and alarms are evaluated as CloudWatch does."""

import dataclasses
from typing import Literal

import pytest

from nextitem.telemetry import metrics
from observability.alarms.evaluation import (
    State,
    active_suppressor,
    evaluate_alarm,
    evaluate_alarms,
    evaluate_expression,
)
from observability.alarms.rules import AllOf, InAlarm, Not
from observability.alarms.types import MINUTE, CompositeAlarm, MetricAlarm, MissingData, Window
from observability.metrics import aws_metrics
from observability.metrics.expressions import (
    Band,
    Expression,
    Filled,
    IfAtLeast,
    Number,
    Parameter,
    Plus,
    Share,
    Stat,
    Times,
)
from observability.metrics.references import OwnMetric
from tests.observability.alarms.measured import NOW, ByMinute, Minutes, traffic

SLOW = Stat(OwnMetric(metrics.SLOW), "Sum")
REQUESTS = Stat(OwnMetric(metrics.REQUESTS), "Sum")
ERRORS = Stat(aws_metrics.ERRORS, "Sum")
ALARM = MetricAlarm(
    name="slow",
    meaning="More than a tenth of the requests are slow",
    runbook="high-latency",
    expression=Share(SLOW, REQUESTS),
    threshold=0.1,
    window=Window(MINUTE, 2, 3),
    missing=MissingData("notBreaching", "test"),
)


def evaluate(expression: Expression, minutes: Minutes) -> float | None:
    return evaluate_expression(expression, ByMinute(minutes), NOW - 60, NOW)


def state(alarm: MetricAlarm, minutes: Minutes) -> State:
    return evaluate_alarm(alarm, ByMinute(minutes), NOW, {"Floor": 0.5}).state


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
        (IfAtLeast(SLOW, 3, Share(SLOW, REQUESTS)), 0.25),
        (IfAtLeast(SLOW, 4, Share(SLOW, REQUESTS)), 0),
        (IfAtLeast(SLOW, 4, Share(SLOW, REQUESTS), otherwise=1), 1),
        (IfAtLeast(ERRORS, 1, SLOW), None),
        (Parameter("MemorySize"), None),
        (Band(SLOW, 2), None),
    ],
)
def test_expression_over_a_minute(expression: Expression, expected: float | None) -> None:
    assert evaluate(expression, lambda _: traffic(12, slow=3)) == expected


@pytest.mark.parametrize(
    ("slow", "expected"),
    [((2, 0, 0), "OK"), ((2, 0, 2), "ALARM"), ((0, 2, 2), "ALARM"), ((1, 1, 1), "OK"), ((0, 0, 2), "OK")],
)
def test_two_of_the_three_newest_points_must_breach(slow: tuple[int, ...], expected: State) -> None:
    def minutes(ago: int) -> dict[metrics.Metric, float]:
        return traffic(10, slow=slow[ago] if ago < len(slow) else 10)

    assert state(ALARM, minutes) == expected


@pytest.mark.parametrize(
    ("treatment", "without_data", "with_one_breach"),
    [
        ("notBreaching", "OK", "OK"),
        ("breaching", "ALARM", "ALARM"),
        ("ignore", "INSUFFICIENT_DATA", "OK"),
        ("missing", "INSUFFICIENT_DATA", "OK"),
    ],
)
def test_missing_points_are_treated_as_the_alarm_says(
    treatment: Literal["breaching", "notBreaching", "ignore", "missing"], without_data: State, with_one_breach: State
) -> None:
    alarm = dataclasses.replace(ALARM, missing=MissingData(treatment, "test"))
    assert state(alarm, lambda _: {}) == without_data
    assert state(alarm, lambda ago: traffic(10, slow=9) if ago == 0 else {}) == with_one_breach


def test_a_threshold_may_be_a_parameter_and_a_lower_bound() -> None:
    floor = dataclasses.replace(ALARM, comparison="LessThanThreshold", threshold=Parameter("Floor"))
    assert state(floor, lambda _: traffic(10, slow=4)) == "ALARM"
    assert state(floor, lambda _: traffic(10, slow=5)) == "OK"


def test_an_evaluation_holds_the_newest_value() -> None:
    assert evaluate_alarm(ALARM, ByMinute(lambda ago: traffic(10, slow=ago + 1)), NOW, {}).value == 0.1


@pytest.mark.parametrize(
    "alarm",
    [
        dataclasses.replace(ALARM, expression=ERRORS),
        dataclasses.replace(ALARM, expression=IfAtLeast(ERRORS, 1, Share(SLOW, ERRORS))),
        dataclasses.replace(ALARM, expression=Band(SLOW, 2), comparison="LessThanLowerThreshold", threshold=None),
    ],
)
def test_metrics_of_aws_and_bands_are_not_evaluated(alarm: MetricAlarm) -> None:
    assert state(alarm, lambda _: traffic(10)) == "NOT_EVALUATED"


def test_composite_alarms_follow_their_rules_and_suppressors() -> None:
    # GIVEN a metric alarm in ALARM, and composite alarms that depend on it and on each other
    first = CompositeAlarm(name="first", meaning="", runbook="drift", rule=InAlarm("slow"), notifies=None)
    never = CompositeAlarm(
        name="never",
        meaning="",
        runbook="drift",
        rule=AllOf((InAlarm("slow"), Not(InAlarm("first")))),
        notifies="page",
        suppressor="first",
    )
    second = dataclasses.replace(never, name="second", rule=InAlarm("first"), suppressor="slow")
    third = dataclasses.replace(second, name="third", suppressor="never")

    # WHEN all are evaluated
    measurements = ByMinute(lambda _: traffic(10, slow=9))
    evaluations = evaluate_alarms([ALARM], [first, never, second, third], measurements, NOW, {})

    # THEN each state follows its rule, and only a suppressor in ALARM suppresses
    assert [each.state for each in evaluations] == ["ALARM", "ALARM", "OK", "ALARM", "ALARM"]
    suppressors = [active_suppressor(each.alarm, evaluations) for each in evaluations]
    assert suppressors == [None, None, "first", "slow", None]

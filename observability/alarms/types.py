"""The parts of an alarm: condition, window, topic, runbook. An alarm that CloudWatch would refuse cannot be made.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Alarms.html
"""

from dataclasses import dataclass
from typing import Literal

from observability.alarms.rules import Rule
from observability.metrics.expressions import Band, Expression, Parameter, statistics

Comparison = Literal[
    "GreaterThanThreshold", "LessThanThreshold", "LessThanLowerThreshold", "LessThanLowerOrGreaterThanUpperThreshold"
]
Topic = Literal["page", "ticket"]
Condition = Literal["StoreIsServerless", "StoreIsNodes", "LearningIsScheduled"]
"""A condition of the template."""
Runbook = Literal[
    "high-latency",
    "store-down",
    "bad-model",
    "drift",
    "learning-loop",
    "cold-start-storm",
    "throttling",
    "secret-leak",
    "restore",
]

MINUTE, HOUR, DAY = 60, 3_600, 86_400
MAX_METRICS = 10
"""Of one alarm's expression (CloudWatch user guide, "Limits that apply to alarms based on metric math expressions")."""
_BAND: tuple[Comparison, ...] = ("LessThanLowerThreshold", "LessThanLowerOrGreaterThanUpperThreshold")


class BadAlarm(ValueError):
    """CloudWatch would refuse that alarm."""


@dataclass(frozen=True, slots=True)
class Window:
    """The newest data points of an alarm: `Window(MINUTE, 3, 5)` needs 3 breaching ones of 5, a minute each.

    Attributes:
        period: seconds of a data point.
        breaching: data points that must breach the threshold.
        periods: data points that are evaluated.
    """

    period: int
    breaching: int
    periods: int

    @property
    def seconds(self) -> int:
        """Its length."""
        return self.period * self.periods


@dataclass(frozen=True, slots=True)
class MissingData:
    """CloudWatch's treatment of a missing data point.

    Attributes:
        treatment: CloudWatch's `TreatMissingData`.
        reason: why.
    """

    treatment: Literal["breaching", "notBreaching", "ignore", "missing"]
    reason: str


NO_TRAFFIC = MissingData("notBreaching", "without requests there is nothing to measure")
ONLY_EVENTS = MissingData("notBreaching", "the metric exists only when something has happened")
KEEP_STATE = MissingData("ignore", "a quiet night is not a recovery")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricAlarm:
    """An alarm on an expression.

    Attributes:
        name: kebab-case; the deployed name begins with the function's name.
        meaning: one sentence without a full stop: what is wrong when the alarm goes off.
        runbook: the page that says what to do.
        expression: compared with the threshold.
        comparison: the last two are for a band.
        threshold: a number, a parameter of the template, or None for a band.
        window: the evaluated data points.
        missing: the treatment of data points without data.
        notifies: the topic; None if only a composite alarm or a deployment uses the alarm.
        rollback: whether it rolls a deployment back.
        condition: the template's condition under which it exists, or None.

    Raises:
        BadAlarm: CloudWatch would refuse it.
    """

    name: str
    meaning: str
    runbook: Runbook
    expression: Expression
    comparison: Comparison = "GreaterThanThreshold"
    threshold: float | Parameter | None
    window: Window
    missing: MissingData
    notifies: Topic | None = None
    rollback: bool = False
    condition: Condition | None = None

    def __post_init__(self) -> None:
        """Check the window and the expression as PutMetricAlarm does."""
        window = self.window
        longest = DAY if window.period < HOUR else 7 * DAY
        if window.period <= 0 or window.period % MINUTE or not 1 <= window.breaching <= window.periods:
            raise BadAlarm(
                f"{self.name}: {window} is refused; the period must be whole minutes, and breaching within periods"
            )
        if window.seconds > longest:
            raise BadAlarm(f"{self.name}: the window of {window.seconds} s is longer than {longest} s")
        if not 1 <= (count := len(statistics(self.expression))) <= MAX_METRICS:
            raise BadAlarm(f"{self.name}: the expression uses {count} metrics; CloudWatch accepts 1 to {MAX_METRICS}")
        is_band = isinstance(self.expression, Band)
        if is_band != (self.comparison in _BAND) or is_band != (self.threshold is None):
            raise BadAlarm(f"{self.name}: a band needs a band's comparison and no threshold, other expressions both")

    def breaches(self, value: float, threshold: float | None) -> bool:
        """Return whether a value is on the wrong side of a threshold."""
        if threshold is None:
            return False
        return value > threshold if self.comparison == "GreaterThanThreshold" else value < threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeAlarm:
    """An alarm on the states of other alarms.

    Attributes:
        name: kebab-case.
        meaning: as of `MetricAlarm`.
        runbook: the page that says what to do.
        rule: when it goes off.
        notifies: the topic; None if it only silences others.
        suppressor: an alarm that silences this one while it is in ALARM: the more important alarm notifies already.
        condition: as of `MetricAlarm`.
    """

    name: str
    meaning: str
    runbook: Runbook
    rule: Rule
    notifies: Topic | None
    suppressor: str | None = None
    condition: Condition | None = None


Alarm = MetricAlarm | CompositeAlarm

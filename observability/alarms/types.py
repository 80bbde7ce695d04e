"""What an alarm is: a condition on metrics, or on other alarms; whom it tells; what to do then.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Alarms.html
An alarm that CloudWatch would refuse cannot be made. Knows no alarm of ours: those are in `watched` and `burn`.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

from observability.metrics.expressions import Band, Expression, Parameter, statistics

Comparison = Literal[
    "GreaterThanThreshold", "LessThanThreshold", "LessThanLowerThreshold", "LessThanLowerOrGreaterThanUpperThreshold"
]
Missing = Literal["breaching", "notBreaching", "ignore", "missing"]
Topic = Literal["page", "ticket"]
Runbook = Literal[
    "high-latency",
    "store-down",
    "bad-model",
    "drift",
    "cold-start-storm",
    "throttling",
    "secret-leak",
    "restore",
]

HOUR, DAY = 3_600, 86_400
MAX_METRICS = 10
"""Of one alarm's expression (CloudWatch user guide, "Limits that apply to alarms based on metric math expressions")."""
_BAND: tuple[Comparison, ...] = ("LessThanLowerThreshold", "LessThanLowerOrGreaterThanUpperThreshold")


class BadAlarm(ValueError):
    """CloudWatch would refuse that alarm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricAlarm:
    """An alarm on an expression.

    Attributes:
        name: kebab-case; deployed, the function's name stands before it.
        meaning: what its going off says, one sentence.
        runbook: what to do.
        expression: what is watched.
        comparison: with the threshold; the two last are for a band.
        threshold: a number, a parameter of the template, or None for a band.
        period: seconds of a data point.
        periods: data points that are looked at.
        breaching: how many of them must breach.
        missing: what a data point without data is taken for.
        missing_because: why.
        notifies: the topic, or None if only a composite alarm or a deployment looks at it.
        rollback: whether a deployment is taken back by it.
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
    period: int
    periods: int
    breaching: int
    missing: Missing
    missing_because: str
    notifies: Topic | None = None
    rollback: bool = False
    condition: str | None = None

    def __post_init__(self) -> None:
        """Check what PutMetricAlarm would: the length of periods, of the evaluation window, and the metrics."""
        longest = DAY if self.period < HOUR else 7 * DAY
        if self.period <= 0 or self.period % 60 or not 1 <= self.breaching <= self.periods:
            raise BadAlarm(f"{self.name}: {self.breaching} of {self.periods} periods of {self.period} s")
        if self.period * self.periods > longest:
            raise BadAlarm(f"{self.name} looks back {self.period * self.periods} s, at most {longest}")
        if not 1 <= len(statistics(self.expression)) <= MAX_METRICS:
            raise BadAlarm(f"{self.name} watches {len(statistics(self.expression))} metrics, at most {MAX_METRICS}")
        is_band = isinstance(self.expression, Band)
        if is_band != (self.comparison in _BAND) or is_band != (self.threshold is None):
            raise BadAlarm(f"{self.name}: a band, and nothing else, is compared with the band's edges")

    def breaches(self, value: float, threshold: float | None) -> bool:
        """Say whether a value is on the wrong side of a threshold."""
        if threshold is None:
            return False
        return value > threshold if self.comparison == "GreaterThanThreshold" else value < threshold


@dataclass(frozen=True, slots=True)
class InAlarm:
    """Holds while that alarm is in ALARM."""

    name: str

    def holds(self, in_alarm: Collection[str]) -> bool:
        """Say whether it holds."""
        return self.name in in_alarm

    def text(self, reference: Callable[[str], str]) -> str:
        """Write it as CloudWatch wants it; `reference` names an alarm."""
        return f'ALARM("{reference(self.name)}")'


@dataclass(frozen=True, slots=True)
class Every:
    """Holds while each of its rules does."""

    rules: tuple["Rule", ...]

    def holds(self, in_alarm: Collection[str]) -> bool:
        """Say whether it holds."""
        return all(rule.holds(in_alarm) for rule in self.rules)

    def text(self, reference: Callable[[str], str]) -> str:
        """Write it as CloudWatch wants it; `reference` names an alarm."""
        return f"({' AND '.join(rule.text(reference) for rule in self.rules)})"


@dataclass(frozen=True, slots=True)
class Either:
    """Holds while one of its rules does."""

    rules: tuple["Rule", ...]

    def holds(self, in_alarm: Collection[str]) -> bool:
        """Say whether it holds."""
        return any(rule.holds(in_alarm) for rule in self.rules)

    def text(self, reference: Callable[[str], str]) -> str:
        """Write it as CloudWatch wants it; `reference` names an alarm."""
        return f"({' OR '.join(rule.text(reference) for rule in self.rules)})"


@dataclass(frozen=True, slots=True)
class Unless:
    """Holds while its rule does not."""

    rule: "Rule"

    def holds(self, in_alarm: Collection[str]) -> bool:
        """Say whether it holds."""
        return not self.rule.holds(in_alarm)

    def text(self, reference: Callable[[str], str]) -> str:
        """Write it as CloudWatch wants it; `reference` names an alarm."""
        return f"NOT {self.rule.text(reference)}"


Rule = InAlarm | Every | Either | Unless


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeAlarm:
    """An alarm on the states of others.

    Attributes:
        name: kebab-case.
        meaning: what its going off says, one sentence.
        runbook: what to do.
        rule: on other alarms, by name.
        notifies: the topic, or None if it only keeps others silent.
        suppressor: an alarm that, while it is in ALARM, keeps this one from notifying: its cause has been told.
    """

    name: str
    meaning: str
    runbook: Runbook
    rule: Rule
    notifies: Topic | None
    suppressor: str | None = None


def named(rule: Rule) -> tuple[str, ...]:
    """Return the names of the alarms that a rule looks at."""
    match rule:
        case InAlarm(name):
            return (name,)
        case Every(rules) | Either(rules):
            return tuple(name for each in rules for name in named(each))
        case Unless(inner):
            return named(inner)

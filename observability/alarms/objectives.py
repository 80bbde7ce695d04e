"""The service level objectives, and the alarms on how fast their error budgets burn.

Several windows and burn rates as in chapter 5 of Google's SRE workbook (https://sre.google/workbook/alerting-on-slos/):
the long window says that the budget is being spent, the short one that it still is. All metrics of a CloudWatch alarm
have one period, so each window is an alarm of its own and a composite one joins them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from nextitem.telemetry import metrics
from observability.alarms.types import (
    DAY,
    HOUR,
    CompositeAlarm,
    Either,
    Every,
    InAlarm,
    MetricAlarm,
    Rule,
    Runbook,
    Topic,
)
from observability.metrics.expressions import AtLeast, Expression, Share
from observability.metrics.indicators import ATTEMPTED, FAILED, REQUESTS, total

MINUTE = 60
BUDGET_DAYS = 30
LEAST_BAD = {"long": 10, "short": 3}
"""Bad requests that a window must hold before its share says anything: on a quiet night one is no emergency."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A share of requests that shall be good, over 30 days.

    Attributes:
        name: kebab-case, what the alarms are called after.
        promise: one sentence.
        target: the share.
        bad: how many were not good.
        all: of how many.
        runbook: what to do when the budget burns.
        suppressor: the alarm whose cause is told already, if it is this one's.
    """

    name: str
    promise: str
    target: float
    bad: Expression
    all: Expression
    runbook: Runbook
    suppressor: str | None

    @property
    def budget(self) -> float:
        """The share of requests that may be bad."""
        return 1 - self.target


@dataclass(frozen=True, slots=True)
class Burn:
    """A burn rate that is told of: so many times as fast as would spend the budget in exactly 30 days."""

    rate: float
    long: int
    short: int
    notifies: Topic

    @property
    def spent(self) -> float:
        """The share of the budget that is gone when the long window is full at that rate."""
        return self.rate * self.long / (BUDGET_DAYS * DAY)


BURNS = (
    Burn(14.4, HOUR, 5 * MINUTE, "page"),
    Burn(6, 6 * HOUR, 30 * MINUTE, "page"),
    Burn(2, HOUR, 5 * MINUTE, "page"),
    Burn(1, 3 * DAY, 6 * HOUR, "ticket"),
)

AVAILABILITY = Objective(
    "availability",
    "99.9 % of requests are answered, and not with a 5xx",
    0.999,
    FAILED,
    ATTEMPTED,
    "bad-model",
    "store-down",
)
LATENCY = Objective(
    "latency",
    f"99 % of requests take at most {metrics.SLOW_MS:g} ms, cold starts included",
    0.99,
    total(metrics.SLOW),
    REQUESTS,
    "high-latency",
    "greater-cause",
)
OBJECTIVES = (AVAILABILITY, LATENCY)

GREATER_CAUSE = CompositeAlarm(
    name="greater-cause",
    meaning="Something worse than slowness is told of already",
    runbook="store-down",
    rule=Either((InAlarm("store-down"), InAlarm("availability-page"))),
    notifies=None,
)


def window_text(seconds: int) -> str:
    """Return a window as alarms are called after it: 5m, 1h, 3d."""
    for unit, name in ((DAY, "d"), (HOUR, "h")):
        if seconds % unit == 0:
            return f"{seconds // unit}{name}"
    return f"{seconds // MINUTE}m"


def burn_alarms() -> Iterator[MetricAlarm]:
    """Return an alarm for each window of each burn rate of each objective."""
    for objective in OBJECTIVES:
        for burn in BURNS:
            yield _window(objective, burn, burn.long, LEAST_BAD["long"])
            yield _window(objective, burn, burn.short, LEAST_BAD["short"])


def burn_composites() -> Iterator[CompositeAlarm]:
    """Return for each objective one alarm that pages, whichever rate it is, and one that writes a ticket."""
    topics: tuple[Topic, ...] = ("page", "ticket")
    for objective in OBJECTIVES:
        for topic in topics:
            burns = [burn for burn in BURNS if burn.notifies == topic]
            rates = " or ".join(f"{burn.rate:g}x over {window_text(burn.long)}" for burn in burns)
            rules: tuple[Rule, ...] = tuple(
                Every((InAlarm(_name(objective, burn, burn.long)), InAlarm(_name(objective, burn, burn.short))))
                for burn in burns
            )
            yield CompositeAlarm(
                name=f"{objective.name}-{topic}",
                meaning=f"The error budget of '{objective.promise}' burns at {rates}, and still does",
                runbook=objective.runbook,
                rule=rules[0] if len(rules) == 1 else Either(rules),
                notifies=topic,
                suppressor=objective.suppressor if topic == "page" else f"{objective.name}-page",
            )
    yield GREATER_CAUSE


def _name(objective: Objective, burn: Burn, window: int) -> str:
    return f"{objective.name}-burn-{f'{burn.rate:g}'.replace('.', '-')}x-{window_text(window)}"


def _window(objective: Objective, burn: Burn, window: int, least: int) -> MetricAlarm:
    return MetricAlarm(
        name=_name(objective, burn, window),
        meaning=f"{burn.rate:g} times the error budget of '{objective.promise}' over {window_text(window)}",
        runbook=objective.runbook,
        expression=AtLeast(objective.bad, least, Share(objective.bad, objective.all)),
        threshold=round(burn.rate * objective.budget, 6),
        period=window,
        periods=1,
        breaching=1,
        missing="notBreaching",
        missing_because="no requests spend no budget",
    )

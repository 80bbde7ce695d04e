"""The service level objectives, and the alarms on the burn rate of their error budgets.

The windows and burn rates follow chapter 5 of Google's SRE workbook (https://sre.google/workbook/alerting-on-slos/):
the long window shows that the budget is being spent, the short one that it still is. All metrics of a CloudWatch alarm
have one period, so each window is an alarm of its own and a composite alarm joins both.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from nextitem.telemetry import metrics
from observability.alarms.rules import AllOf, AnyOf, InAlarm, Rule
from observability.alarms.types import (
    DAY,
    HOUR,
    MINUTE,
    CompositeAlarm,
    MetricAlarm,
    MissingData,
    Runbook,
    Topic,
    Window,
)
from observability.metrics.expressions import Expression, IfAtLeast, Share
from observability.metrics.indicators import ATTEMPTED, FAILED, REQUESTS, total

BUDGET_DAYS = 30
MINIMUM_BAD = {"long": 10, "short": 3}
"""Bad requests in a window below which its alarm stays silent: one bad request in a quiet night is not an emergency."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A share of requests that must be good, over 30 days.

    Attributes:
        name: kebab-case; the names of its alarms begin with it.
        promise: one sentence.
        target: the share.
        bad: the number of bad requests.
        all: the number of all requests.
        runbook: the page that says what to do when the budget burns.
        suppressor: the alarm that silences the page while it notifies about the same cause.
    """

    name: str
    promise: str
    target: float
    bad: Expression
    all: Expression
    runbook: Runbook
    suppressor: str

    @property
    def budget(self) -> float:
        """The share of requests that may be bad."""
        return 1 - self.target


@dataclass(frozen=True, slots=True)
class Burn:
    """A burn rate with an alarm; rate 1 spends the budget in exactly 30 days.

    Attributes:
        rate: the multiple of that speed.
        long: seconds of the window that shows that the budget is being spent.
        short: seconds of the window that shows that it still is.
        notifies: the topic.
    """

    rate: float
    long: int
    short: int
    notifies: Topic

    @property
    def spent(self) -> float:
        """The share of the budget that this rate spends in the long window."""
        return self.rate * self.long / (BUDGET_DAYS * DAY)


BURNS = (
    Burn(14.4, HOUR, 5 * MINUTE, "page"),
    Burn(6, 6 * HOUR, 30 * MINUTE, "page"),
    Burn(2, HOUR, 5 * MINUTE, "page"),
    Burn(1, 3 * DAY, 6 * HOUR, "ticket"),
)

AVAILABILITY = Objective(
    name="availability",
    promise="99.9 % of requests get an answer that is not a 5xx",
    target=0.999,
    bad=FAILED,
    all=ATTEMPTED,
    runbook="bad-model",
    suppressor="store-down",
)
LATENCY = Objective(
    name="latency",
    promise=f"99 % of requests take at most {metrics.SLOW_MS:g} ms, including cold starts",
    target=0.99,
    bad=total(metrics.SLOW),
    all=REQUESTS,
    runbook="high-latency",
    suppressor="greater-cause",
)
OBJECTIVES = (AVAILABILITY, LATENCY)


def window_text(seconds: int) -> str:
    """Return a duration as alarm names spell it: 5m, 1h, 3d."""
    for unit, name in ((DAY, "d"), (HOUR, "h")):
        if seconds % unit == 0:
            return f"{seconds // unit}{name}"
    return f"{seconds // MINUTE}m"


def burn_alarms() -> Iterator[MetricAlarm]:
    """Return an alarm for each window of each burn rate of each objective."""
    for objective in OBJECTIVES:
        for burn in BURNS:
            yield _window_alarm(objective, burn, burn.long, MINIMUM_BAD["long"])
            yield _window_alarm(objective, burn, burn.short, MINIMUM_BAD["short"])


def burn_composites() -> Iterator[CompositeAlarm]:
    """Return two alarms for each objective: one pages for any of its burn rates, the other opens a ticket."""
    topics: tuple[Topic, ...] = ("page", "ticket")
    for objective in OBJECTIVES:
        for topic in topics:
            burns = [burn for burn in BURNS if burn.notifies == topic]
            rates = ", ".join(f"{burn.rate:g}x over {window_text(burn.long)}" for burn in burns)
            rules: tuple[Rule, ...] = tuple(
                AllOf((InAlarm(_name(objective, burn, burn.long)), InAlarm(_name(objective, burn, burn.short))))
                for burn in burns
            )
            yield CompositeAlarm(
                name=f"{objective.name}-{topic}",
                meaning=f"The error budget of '{objective.promise}' burns too fast ({rates})",
                runbook=objective.runbook,
                rule=rules[0] if len(rules) == 1 else AnyOf(rules),
                notifies=topic,
                suppressor=objective.suppressor if topic == "page" else f"{objective.name}-page",
            )


def _name(objective: Objective, burn: Burn, seconds: int) -> str:
    return f"{objective.name}-burn-{f'{burn.rate:g}'.replace('.', '-')}x-{window_text(seconds)}"


def _window_alarm(objective: Objective, burn: Burn, seconds: int, minimum_bad: int) -> MetricAlarm:
    return MetricAlarm(
        name=_name(objective, burn, seconds),
        meaning=f"Over {window_text(seconds)}, the error budget of '{objective.promise}' burns at {burn.rate:g}x",
        runbook=objective.runbook,
        expression=IfAtLeast(objective.bad, minimum_bad, Share(objective.bad, objective.all)),
        threshold=round(burn.rate * objective.budget, 6),
        window=Window(seconds, 1, 1),
        missing=MissingData("notBreaching", "without requests no budget is spent"),
    )

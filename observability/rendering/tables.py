"""The generated tables of docs/monitoring.md and docs/howto/costs.md: indicators, objectives, alarms and prices."""

import re
from collections.abc import Callable, Iterable, Mapping

from model_export.cost.estimate import Deployment, cost_of
from model_export.cost.monitoring import billed_metrics, monitoring_cost
from nextitem.telemetry.metrics import BY_VERSION, METRICS
from observability.alarms.catalogue import ALARMS, COMPOSITES
from observability.alarms.objectives import BURNS, OBJECTIVES, window_text
from observability.alarms.types import Alarm, MetricAlarm
from observability.metrics.expressions import Band, Parameter, statistics
from observability.metrics.indicators import INDICATORS
from observability.rendering.queries import expression_text

BUSY, IDLE = Deployment(50, catalogue=40_000), Deployment(0.01)
"""The deployments of the page of costs, which names them as options of `nextitem cost`."""
_BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_SIGN = {
    "GreaterThanThreshold": "> {}",
    "LessThanThreshold": "< {}",
    "LessThanLowerThreshold": "below the band",
    "LessThanLowerOrGreaterThanUpperThreshold": "outside the band",
}


def with_tables(page: str, further: Mapping[str, Callable[[], str]]) -> str:
    """Return a page with the current text of each of its tables.

    Args:
        page: Markdown.
        further: what writes the tables of other modules, by name.

    Raises:
        KeyError: the page has a table of an unknown name.
    """
    tables = {
        **further,
        "indicators": _indicators,
        "objectives": _objectives,
        "burns": _burns,
        "alarms": _alarms,
        "composites": _composites,
        "cost": _cost,
        "bill": _bill,
    }
    return _BLOCK.sub(lambda block: f"{block[1]}{tables[block[2]]()}{block[3]}", page)


def condition(alarm: MetricAlarm) -> str:
    """Return an alarm's condition, in metric math over the names of metrics."""
    names = {stat: f"{stat.statistic}({stat.reference.name})" for stat in statistics(alarm.expression)}
    watched = alarm.expression.expression if isinstance(alarm.expression, Band) else alarm.expression
    threshold = alarm.threshold.name if isinstance(alarm.threshold, Parameter) else f"{alarm.threshold or 0:g}"
    text = expression_text(watched, names)
    window = f"{alarm.window.breaching} of {alarm.window.periods} x {window_text(alarm.window.period)}"
    return f"`{text}` {_SIGN[alarm.comparison].format(threshold)}, {window}"


def _indicators() -> str:
    rows = ((f"`{each.name}`", each.meaning, each.unit, "yes" if each.by_version else "") for each in INDICATORS)
    return markdown_table(("indicator", "meaning", "unit", "by version"), rows)


def _objectives() -> str:
    rows = ((each.name, each.promise, f"{each.target:.1%}", f"{each.budget:.1%}") for each in OBJECTIVES)
    return markdown_table(("objective", "promise, over 30 days", "target", "error budget"), rows)


def _burns() -> str:
    rows = (
        (
            f"{burn.rate:g}x",
            window_text(burn.long),
            window_text(burn.short),
            f"{burn.spent:.2%}",
            *(f"{burn.rate * each.budget:.2%}" for each in OBJECTIVES),
            burn.notifies,
        )
        for burn in BURNS
    )
    heads = tuple(f"{each.name}: bad share over" for each in OBJECTIVES)
    return markdown_table(("burn rate", "long window", "short window", "budget spent", *heads, "notifies"), rows)


def _alarms() -> str:
    rows = (
        (
            f"`{alarm.name}`",
            "rollback" if alarm.rollback else alarm.notifies or "through a composite alarm",
            f"{alarm.meaning}: {condition(alarm)}",
            f"{alarm.missing.treatment}: {alarm.missing.reason}",
            _link(alarm),
        )
        for alarm in ALARMS
        if "-burn-" not in alarm.name
    )
    return markdown_table(("alarm", "notifies", "when", "no data", "runbook"), rows)


def _composites() -> str:
    rows = (
        (
            f"`{alarm.name}`",
            alarm.notifies or "no topic",
            alarm.meaning,
            f"`{alarm.suppressor}`" if alarm.suppressor else "",
            _link(alarm),
        )
        for alarm in COMPOSITES
    )
    return markdown_table(("alarm", "notifies", "when", "silent while in alarm", "runbook"), rows)


def _cost() -> str:
    rows = []
    for versions in (1, 2, 5):
        cost = monitoring_cost(versions)
        rows.append((str(versions), str(billed_metrics(versions)), f"{cost.metrics:.2f}", f"{cost.alarms:.2f}"))
    by_version = sum(BY_VERSION in metric.sets for metric in METRICS)
    table = markdown_table(("versions x variants", "custom metrics", "metrics, $ a month", "alarms, $ a month"), rows)
    return f"{table}\nEach further version and variant adds {by_version} metrics for the hours in which it answers.\n"


def _bill() -> str:
    busy, idle = cost_of(BUSY), cost_of(IDLE)
    rows = [(name, f"{dollars:,.2f}", f"{idle.lines[name]:,.2f}") for name, dollars in busy.lines.items()]
    total = ("**total**", f"**{busy.total:,.2f}**", f"**{idle.total:,.2f}**")
    per_million = ("for a million requests", f"{busy.per_million:,.2f}", f"{idle.per_million:,.2f}")
    return markdown_table(("$ a month", "50 requests a second", "hardly any"), [*rows, total, per_million])


def _link(alarm: Alarm) -> str:
    return f"[{alarm.runbook}](runbooks/{alarm.runbook}.md)"


def markdown_table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)

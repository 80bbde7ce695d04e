"""The tables about Prometheus in docs/monitoring.md: names of series, alerts, and what only CloudWatch has."""

from collections import defaultdict

from nextitem.telemetry import prometheus
from observability.alarms.types import Alarm
from observability.rendering.grafana import left_out
from observability.rendering.prometheus_rules import alert_name, expressible, meaning
from observability.rendering.tables import markdown_table


def series_table() -> str:
    """Return the names of all series that a container exposes."""
    rows: list[tuple[str, ...]] = [
        (
            f"`{metric.name}`",
            f"`{prometheus.base_name(metric)}{'_total' if prometheus.kind(metric) == 'counter' else ''}`",
            prometheus.kind(metric),
            ", ".join(prometheus.labels(metric)),
        )
        for metric in prometheus.EXPOSED
    ]
    rows += [("", f"`{gauge.name}`: {gauge.meaning}", "gauge", "stack") for gauge in prometheus.GAUGES]
    return markdown_table(("metric", "in Prometheus", "kind", "labels"), rows)


def alerts_table() -> str:
    """Return the alerts, each with its runbook."""
    described = expressible()
    alarms: list[Alarm] = [*described.composites, *described.metric_alarms]
    rows = [
        (f"`{alert_name(alarm)}`", alarm.notifies, meaning(alarm), f"[{alarm.runbook}](runbooks/{alarm.runbook}.md)")
        for alarm in alarms
        if alarm.notifies is not None
    ]
    return markdown_table(("alert", "severity", "when", "runbook"), rows)


def only_cloudwatch_table() -> str:
    """Return the alarms and graphs that Prometheus does not have, by the reason."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for name, reason in expressible().refused.items():
        by_reason[reason].append(f"`{name}`")
    rows = [(", ".join(names), reason) for reason, names in by_reason.items()]
    rows.append((", ".join(left_out()), "graphs and lines: their metrics or statistics are CloudWatch's"))
    return markdown_table(("not in Prometheus", "why"), rows)

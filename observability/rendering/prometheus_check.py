"""Find series and labels in Prometheus's queries that no container exposes and no rule records.

Such a series would be an alert that never goes off, or an empty panel. The check reads the rendered queries alone, so
it also covers mistakes in rendering.
"""

import re
from collections.abc import Iterator
from typing import Any

from nextitem.telemetry import prometheus
from observability.rendering.prometheus_rules import RECORDED

_SERIES = re.compile(r"\b(?:nextitem[_:]\w+|ALERTS)")
_MATCHERS = re.compile(rf"({_SERIES.pattern})\{{([^}}]*)\}}")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_GROUPING = re.compile(r"\b(?:by|on) \(([^)]*)\)")
_RECORDED_LABELS = {"alarm", "parameter", "stack"}
_ALERT_LABELS = {"alertname", "alertstate", "severity", "stack"}
_BUCKET = "le"


def exposed_series() -> dict[str, set[str]]:
    """Return the labels of each series that containers expose or rules record."""
    series = {
        name: {*prometheus.labels(metric), *({_BUCKET} if name.endswith("_bucket") else ())}
        for metric in prometheus.EXPOSED
        for name in prometheus.series_names(metric)
    }
    series |= {gauge.name: {"stack"} for gauge in prometheus.GAUGES}
    return series | {name: set(_RECORDED_LABELS) for name in RECORDED} | {"ALERTS": set(_ALERT_LABELS)}


def queries_of(document: Any) -> Iterator[str]:
    """Return the queries of a rules file or of a dashboard, as data."""
    match document:
        case dict():
            for key, value in document.items():
                if key == "expr":
                    yield value
                else:
                    yield from queries_of(value)
        case list():
            for value in document:
                yield from queries_of(value)


def unknown_series(query: str) -> list[str]:
    """Return the series of a query that do not exist, and labels that its series do not have: `requests{shop}`."""
    return list(dict.fromkeys(_unknown(query)))


def _unknown(query: str) -> Iterator[str]:
    known = exposed_series()
    used = _SERIES.findall(query)
    for name in used:
        if name not in known:
            yield name
    for name, matchers in _MATCHERS.findall(query):
        for label in _LABEL.findall(re.sub(r'"[^"]*"', "", matchers)):
            if label not in known.get(name, {label}):
                yield f"{name}{{{label}}}"
    labels = set().union(*(known.get(name, set()) for name in used))
    for group in _GROUPING.findall(query):
        for label in filter(None, map(str.strip, group.split(","))):
            if label not in labels:
                yield f"by ({label})"

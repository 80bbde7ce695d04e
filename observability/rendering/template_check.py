"""Find metrics in a rendered template that neither the function nor a listed AWS service emits.

Such a metric would be an alarm that never goes off, or an empty graph. The check reads the template's text alone, so it
also covers mistakes in rendering.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nextitem.telemetry.metrics import LEARNING_METRICS, METRICS, NAMESPACE
from observability.metrics.aws_metrics import AWS_METRICS
from observability.metrics.references import STACK

_SEARCH = re.compile(r"SEARCH\('\{([^}]*)\} MetricName=\"([^\"]*)\" stack=\"([^\"]*)\"'")


@dataclass(frozen=True, slots=True)
class MetricUse:
    """A metric in a template: the resource, and the metric with its dimensions (the value is None in a search)."""

    where: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str | None], ...]


def unknown_metrics(template: Mapping[str, Any]) -> list[MetricUse]:
    """Return the metrics of a template that neither our code nor a listed AWS service emits in those dimensions."""
    return [use for use in metrics_of(template) if not _is_emitted(use)]


def metrics_of(template: Mapping[str, Any]) -> Iterator[MetricUse]:
    """Return every use of a metric in a template's alarms and dashboards."""
    for name, resource in template["Resources"].items():
        properties = resource["Properties"]
        match resource["Type"]:
            case "AWS::CloudWatch::Alarm" if "MetricName" in properties:
                yield _of_alarm(name, properties)
            case "AWS::CloudWatch::Alarm":
                for query in properties["Metrics"]:
                    if "MetricStat" in query:
                        yield _of_alarm(name, query["MetricStat"]["Metric"])
            case "AWS::CloudWatch::Dashboard":
                for body in _bodies(properties["DashboardBody"]):
                    for widget in body["widgets"]:
                        yield from _of_widget(f"{name}: {widget['properties'].get('title')}", widget)


def _is_emitted(use: MetricUse) -> bool:
    if use.namespace != NAMESPACE:
        return any(
            (known.namespace, known.name, known.dimensions) == (use.namespace, use.name, use.dimensions)
            for known in AWS_METRICS
        )
    names = tuple(name for name, _ in use.dimensions)
    is_ours = ("stack", STACK) in use.dimensions
    return is_ours and any(metric.name == use.name and names in metric.sets for metric in (*METRICS, *LEARNING_METRICS))


def _of_alarm(where: str, metric: Mapping[str, Any]) -> MetricUse:
    dimensions = tuple((each["Name"], _plain(each["Value"])) for each in metric["Dimensions"])
    return MetricUse(where, metric["Namespace"], metric["MetricName"], dimensions)


def _of_widget(where: str, widget: Mapping[str, Any]) -> Iterator[MetricUse]:
    for entry in widget["properties"].get("metrics", ()):
        parts = [part for part in entry if isinstance(part, str)]
        if parts:
            namespace, name, *flat = parts
            yield MetricUse(where, namespace, name, tuple(zip(flat[::2], flat[1::2], strict=True)))
            continue
        expression = entry[0]["expression"]
        searches = _SEARCH.findall(expression)
        if len(searches) != expression.count("SEARCH("):
            yield MetricUse(where, "", expression, ())  # an unreadable search counts as unknown
        for schema, name, stack in searches:
            namespace, *names = schema.split(",")
            values = (stack, *(None for _ in names[1:]))
            yield MetricUse(where, namespace, name, tuple(zip(names, values, strict=True)))


def _bodies(body: Any) -> Iterator[Any]:
    if "Fn::If" in body:
        for branch in body["Fn::If"][1:]:
            yield from _bodies(branch)
    else:
        yield json.loads(_plain(body))


def _plain(value: Any) -> str:
    """Return a value's text; for a parameter with a default, its reference."""
    match value:
        case {"Fn::Sub": [text, variables]}:
            for name, conditional in variables.items():
                text = text.replace(f"${{{name}}}", _plain(conditional["Fn::If"][1]))
            return str(text)
        case {"Fn::Sub": text}:
            return str(text)
        case {"Fn::If": [_, {"Ref": parameter}, _]}:
            return f"${{{parameter}}}"
        case _:
            return str(value)

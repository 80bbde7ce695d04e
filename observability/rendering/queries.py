"""Expressions in CloudWatch's notation: MetricDataQuery for alarms, the metrics array for dashboards.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from collections.abc import Mapping
from typing import Any

from nextitem.telemetry.metrics import NAMESPACE
from observability.dashboards.widgets import Line
from observability.metrics.expressions import (
    Band,
    Expression,
    Filled,
    IfAtLeast,
    Number,
    Parameter,
    Plus,
    Search,
    Share,
    Stat,
    Times,
    statistics,
)
from observability.metrics.references import STACK, Dimensions
from observability.rendering.naming import substitute

SEARCH_LABEL = "${!PROP('Dim.model_version')} ${!PROP('Dim.variant')}"
"""Labels each line of a search; the ! keeps CloudFormation from substituting it."""


def expression_text(expression: Expression, ids: Mapping[Stat, str]) -> str:
    """Write an expression in metric math.

    Args:
        expression: the expression.
        ids: the id of each statistic's query.
    """

    def text(part: Expression) -> str:
        return expression_text(part, ids)

    match expression:
        case Stat():
            written = ids[expression]
        case Filled(stat):
            written = f"FILL({ids[stat]}, 0)"
        case Number(value):
            written = f"{value:.10f}".rstrip("0").rstrip(".")
        case Parameter(name):
            written = f"${{{name}}}"
        case Plus(terms):
            written = f"({' + '.join(map(text, terms))})"
        case Times(factors):
            written = f"({' * '.join(map(text, factors))})"
        case Share(part, whole):
            written = f"({text(part)} / {text(whole)})"
        case IfAtLeast(guard, minimum, then, otherwise):
            written = f"IF({text(guard)} >= {minimum:g}, {text(then)}, {otherwise:g})"
        case Band(inner, width):
            written = f"ANOMALY_DETECTION_BAND({text(inner)}, {width:g})"
    return written


def alarm_queries(expression: Expression, period: int) -> list[dict[str, Any]]:
    """Return the queries of an alarm; the compared expression has `ReturnData`, and so has a band around it."""
    ids = {stat: f"m{number}" for number, stat in enumerate(statistics(expression), start=1)}
    queries: list[dict[str, Any]] = []
    watched = expression.expression if isinstance(expression, Band) else expression
    if isinstance(watched, Stat):
        queries.append(_alarm_metric(watched, ids[watched], period, returned=True))
        name = ids[watched]
    else:
        queries.append({"Id": "watched", "Expression": expression_text(watched, ids), "ReturnData": True})
        queries.extend(_alarm_metric(stat, ids[stat], period, returned=False) for stat in ids)
        name = "watched"
    if isinstance(expression, Band):
        band = f"ANOMALY_DETECTION_BAND({name}, {expression.width:g})"
        queries.append({"Id": "band", "Expression": band, "ReturnData": True})
    return queries


def dimension_list(dimensions: Dimensions) -> list[dict[str, Any]]:
    """Return dimensions in CloudFormation's notation."""
    return [{"Name": name, "Value": substitute(value)} for name, value in dimensions]


def graph_metrics(lines: tuple[Line, ...]) -> list[list[Any]]:
    """Return the metrics array of a graph: the lines, then the hidden statistics that they are computed from."""
    ids: dict[Stat, str] = {}
    drawn: list[list[Any]] = []
    visible: set[Stat] = set()
    for number, line in enumerate(lines, start=1):
        if isinstance(line.value, Search):
            drawn.append([{"expression": search_text(line.value), "id": f"e{number}", "label": SEARCH_LABEL}])
        elif isinstance(line.value, Stat):
            ids.setdefault(line.value, f"m{len(ids) + 1}")
            visible.add(line.value)
            drawn.append(_graph_metric(line.value, {"id": ids[line.value], "label": line.label}))
        else:
            for stat in statistics(line.value):
                ids.setdefault(stat, f"m{len(ids) + 1}")
            text = expression_text(line.value, ids)
            drawn.append([{"expression": text, "id": f"e{number}", "label": line.label}])
    hidden = [_graph_metric(stat, {"id": name, "visible": False}) for stat, name in ids.items() if stat not in visible]
    return drawn + hidden


def search_text(search: Search) -> str:
    """Write a search for a metric in every value of its dimension set."""
    schema = ",".join((NAMESPACE, *search.dimension_set))
    return f"SEARCH('{{{schema}}} MetricName=\"{search.metric.name}\" stack=\"{STACK}\"', '{search.statistic}')"


def _alarm_metric(stat: Stat, name: str, period: int, *, returned: bool) -> dict[str, Any]:
    reference = stat.reference
    metric = {
        "Namespace": reference.namespace,
        "MetricName": reference.name,
        "Dimensions": dimension_list(reference.dimensions),
    }
    return {
        "Id": name,
        "MetricStat": {"Metric": metric, "Period": period, "Stat": stat.statistic},
        "ReturnData": returned,
    }


def _graph_metric(stat: Stat, options: dict[str, Any]) -> list[Any]:
    reference = stat.reference
    flat = [text for dimension in reference.dimensions for text in dimension]
    return [reference.namespace, reference.name, *flat, {"stat": stat.statistic, **options}]
